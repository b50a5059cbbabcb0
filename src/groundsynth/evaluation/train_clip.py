"""A small CLIP model trained from scratch on the run's own pairs.

It lets a run without downloads score its captions. Its scores compare captioners and populations
within the run; they are not those of a pretrained CLIP, and its name says so.
"""

from __future__ import annotations

import time
from pathlib import Path

from groundsynth.checkpoint import load_checkpoint, save_checkpoint
from groundsynth.device import Precision
from groundsynth.errors import InputError
from groundsynth.evaluation.clip_data import Pairs, read_pairs
from groundsynth.evaluation.clip_training import ClipTraining, preprocess_of
from groundsynth.evaluation.clip_weights import save_clip
from groundsynth.evaluation.pair_alignment import measure_alignment
from groundsynth.files import write_json
from groundsynth.progress import Progress
from groundsynth.provenance import provenance
from groundsynth.run_state import RunState, open_state
from groundsynth.tables import write_table

REPORT_EVERY, SAVE_SECONDS = 10, 30.0
HISTORY = ("step", "images", "seconds", "name", "value")


def train_clip(
    *,
    images: list[Path],
    indices: list[Path],
    captions: list[Path],
    name: str,
    image_size: int,
    steps: int,
    batch: int,
    learning_rate: float,
    seed: int,
    device: str,
    precision: Precision,
    state: Path,
    keep_state: bool,
    model: Path,
    history: Path,
) -> None:
    """Train a small CLIP model on the real train images and their captions.

    Reads real shards, uint8 [N, H, W, 3], their indices, and captions of any number of
    captioners. Writes the weights, beside them (``.json``) the open_clip configuration with the
    model's name, and the history: the loss, and at the end for each split the mean cosine of
    matched and of shuffled pairs and the retrieval rank. Only the train split is trained on.
    """
    parameters = {
        "name": name,
        "image_size": image_size,
        "steps": steps,
        "batch": batch,
        "learning_rate": learning_rate,
        "seed": seed,
        "precision": precision,
    }
    inputs = [*images, *indices, *captions]
    outputs = [model, model.with_suffix(".json"), history]
    with open_state(
        state, parameters=parameters, inputs=inputs, outputs=outputs, keep=keep_state
    ) as run:
        if run.finished_elsewhere:
            return
        pairs = read_pairs(images, indices, captions, "train")
        if not len(pairs):
            raise InputError(
                "No image of the train split has a caption; caption the population real first."
            )
        training = ClipTraining(pairs, image_size, batch, learning_rate, seed, device, precision)
        _train(training, steps, run)
        for split in ("train", "validation", "test"):
            _measure(training, name, read_pairs(images, indices, captions, split), split)
        record = provenance("train-clip", parameters, inputs)
        save_clip(model, training.network, {"preprocess": preprocess_of(image_size)})
        write_json(outputs[1], {"name": name, **training.config, "provenance": record})
        columns = zip(*training.history, strict=True)
        write_table(history, dict(zip(HISTORY, columns, strict=True)), "history", record)
        run.complete()


def _train(training: ClipTraining, steps: int, run: RunState) -> None:
    saved = load_checkpoint(run.folder, training.device)
    seconds_before = 0.0
    if saved is not None:
        training.network.load_state_dict(saved["network"])
        training.optimizer.load_state_dict(saved["optimizer"])
        training.scaler.load_state_dict(saved["scaler"])
        training.step, training.history = saved["step"], saved["history"]
        seconds_before = saved["seconds"]
    started = last_saved = time.monotonic()
    with Progress("train CLIP", steps, "steps", done=training.step) as progress:
        while training.step < steps:
            loss = training.advance(steps)
            seconds = seconds_before + time.monotonic() - started
            if training.step % REPORT_EVERY == 0 or training.step == steps:
                _note(training, seconds, "loss", loss)
            progress.advance(1, loss=loss)
            leaving = run.should_stop() and training.step < steps
            due = leaving or time.monotonic() - last_saved >= SAVE_SECONDS
            if due and not run.lost.is_set():  # else the folder is another holder's
                _save(training, run, seconds)
                last_saved = time.monotonic()
            if leaving:
                raise run.leave(f"step {training.step} of {steps}")


def _save(training: ClipTraining, run: RunState, seconds: float) -> None:
    save_checkpoint(
        run.folder,
        {
            "network": training.network.state_dict(),
            "optimizer": training.optimizer.state_dict(),
            "scaler": training.scaler.state_dict(),
            "step": training.step,
            "history": training.history,
            "seconds": seconds,
        },
    )


def _note(training: ClipTraining, seconds: float, name: str, value: float) -> None:
    images = training.step * training.batch
    training.history.append([training.step, images, seconds, name, value])


def _measure(training: ClipTraining, name: str, pairs: Pairs, split: str) -> None:
    if not len(pairs):
        return
    seconds = float(training.history[-1][2]) if training.history else 0.0
    for figure, value in measure_alignment(training.model(name), pairs).items():
        _note(training, seconds, f"{split}_{figure}", value)
        print(f"{split} {figure}: {value:.4g}")
