"""The verb ``train-segmentation``: one cell of the experiment, trained and tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from groundsynth.device import Precision, select_device
from groundsynth.errors import ConfigurationError, InputError
from groundsynth.landcover import Legend
from groundsynth.progress import Progress
from groundsynth.provenance import digest_of, provenance
from groundsynth.run_state import RunState, open_state, slot_seconds
from groundsynth.segmentation.architectures import build_model, load_encoder_weights
from groundsynth.segmentation.class_weights import ClassWeights, weights_of
from groundsynth.segmentation.confusion import confusion_of, write_confusion
from groundsynth.segmentation.data import Patches, first_samples, joined, split_of
from groundsynth.segmentation.losses import LossName
from groundsynth.segmentation.mixes import Mix
from groundsynth.segmentation.models import Description, save_model, sidecar_of
from groundsynth.segmentation.patch_sizes import check_patch_size
from groundsynth.segmentation.populations import open_population
from groundsynth.segmentation.quality import QualityCounts
from groundsynth.segmentation.sampling import Sampling
from groundsynth.segmentation.settings import Schedule, Settings, round_ends
from groundsynth.segmentation.trainer import Trainer
from groundsynth.tables import write_table

Architecture = Literal["unet", "unetplusplus", "pan", "deeplabv3plus", "segformer", "fpn"]
Shards = tuple[list[Path], list[Path], list[Path]]
"""Images, masks and indices of one population."""


def train_segmentation(
    *,
    real_images: list[Path],
    real_masks: list[Path],
    real_indices: list[Path],
    unconditional_images: list[Path],
    unconditional_masks: list[Path],
    unconditional_indices: list[Path],
    conditional_images: list[Path],
    conditional_masks: list[Path],
    conditional_indices: list[Path],
    unconditional_selection: Path | None = None,
    conditional_selection: Path | None = None,
    mix: str,
    mix_parts: dict[str, Any],
    architecture: Architecture,
    encoder: str,
    encoder_weights: Path | None,
    legend: dict[str, Any],
    budget: Literal["epochs", "steps"],
    epochs: int,
    steps: int,
    batch: int,
    learning_rate: float,
    weight_decay: float,
    patience: int,
    stop_patience: int,
    clip_norm: float,
    loss: LossName = "dice",
    class_weights: ClassWeights | None = None,
    sampling: Sampling = "uniform",
    schedule: Schedule = "plateau",
    seed: int,
    device: str,
    precision: Precision,
    state: Path,
    keep_state: bool,
    runtime: float | None,
    model: Path,
    history: Path,
    confusion: Path,
    quality: Path,
) -> None:
    """Train a segmentation model on one mix, validate on real patches, test on real patches.

    Reads shards of images uint8 (N, H, W, 3) and masks uint8 (N, H, W) with their indices; the
    lists of a synthetic population may be empty where ``mix_parts`` asks for none of it, and a
    selection is read where they ask for selected samples. With the budget ``epochs`` a round is
    one pass over the mix; with ``steps`` all mixes take ``steps`` steps, in ``epochs`` rounds.
    Validation closes each round. The learning rate falls on a plateau of ``patience`` rounds, or
    along a cosine. ``class_weights`` weigh the loss by the mix's masks; with the ``sampling``
    ``balanced`` each batch takes equally many patches of every population, in rounds as long as
    a pass over the mix would be. ``runtime`` is in minutes. Writes the weights of the best round
    to ``model`` with a JSON sidecar, the training ``history``, and ``confusion``: K x K pixel
    counts of each real test patch, and ``quality``: what boundary F1 and calibration error of
    each derive from.
    """
    classes = Legend.from_json(legend).names
    chosen = Mix.from_parts(mix, mix_parts)
    shards = {
        "real": (real_images, real_masks, real_indices),
        "unconditional": (unconditional_images, unconditional_masks, unconditional_indices),
        "conditional": (conditional_images, conditional_masks, conditional_indices),
    }
    selections = {
        "unconditional": unconditional_selection if chosen.selection else None,
        "conditional": conditional_selection if chosen.selection else None,
    }
    splits = _open_splits(chosen, shards, selections)
    settings = Settings(
        round_ends=round_ends(budget, epochs, steps, len(splits["train"]), batch),
        batch=batch,
        learning_rate=learning_rate,
        schedule=schedule,
        weight_decay=weight_decay,
        patience=patience,
        stop_patience=stop_patience,
        clip_norm=clip_norm,
        loss=loss,
        seed=seed,
        precision=precision,
        class_weights=class_weights,
        sampling=sampling,
    )
    _check_batch(batch, len(splits["train"]))
    size = _checked_size(splits, architecture)
    parameters = {
        "architecture": architecture,
        "encoder": encoder,
        "encoder_weights": digest_of(encoder_weights) if encoder_weights else None,
        "class_names": list(classes),
        "mix": mix,
        "mix_parts": chosen.parts,
        **asdict(settings),
    }
    inputs = [path for lists in shards.values() for paths in lists for path in paths]
    inputs += [path for path in selections.values() if path is not None]
    with open_state(
        state,
        parameters=parameters,
        inputs=inputs,
        outputs=(model, sidecar_of(model), history, confusion, quality),
        stop_after=slot_seconds(runtime),
        keep=keep_state,
    ) as run:
        if run.finished_elsewhere:
            return
        place = select_device(device)
        network = _initial_model(architecture, encoder, encoder_weights, len(classes), seed)
        weights = weights_of(splits["train"], len(classes), run) if class_weights else None
        trainer = Trainer(
            network, splits["train"], splits["validation"], len(classes), settings, place, weights
        )
        trainer.run(run)
        counts, pixels = _test(trainer, splits["test"], run)
        about = Description(
            architecture=architecture,
            encoder=encoder,
            class_names=classes,
            mix=mix,
            mix_parts=chosen.parts,
            seed=seed,
            patch_size=size,
            validation_f1=trainer.best_f1,
        )
        record = provenance("train-segmentation", parameters, inputs)
        save_model(model, trainer.best_weights, about, record)
        write_history(history, trainer.history, record)
        cell: dict[str, Any] = {"architecture": architecture, "mix": mix, "seed": seed}
        write_confusion(confusion, splits["test"].ids, counts, **cell, provenance=record)
        pixels.write(quality, splits["test"].ids, **cell, provenance=record)
        run.complete()


def _open_splits(
    mix: Mix, shards: Mapping[str, Shards], selections: Mapping[str, Path | None]
) -> dict[str, Patches]:
    """The mix as ``train``, and the real ``validation`` and ``test`` patches."""
    real = open_population(*shards["real"], real=True)
    parts = [split_of(real, "train")] if mix.real else []
    for name, count in mix.samples.items():
        if mix.selection and selections[name] is None:
            raise InputError(
                f"The mix {mix.name!r} takes selected {name} samples, but no table says which; "
                f"give --{name}-selection."
            )
        samples = open_population(*shards[name], real=False)
        parts.append(first_samples(samples, count, name, selections[name]))
    splits = {name: split_of(real, name) for name in ("validation", "test")}
    return {"train": joined(parts), **splits}


def _checked_size(splits: Mapping[str, Patches], architecture: str) -> int:
    """Patch size in pixels; an error unless it is one for all patches and fits."""
    height, width = joined(splits.values()).size
    if height != width:
        raise InputError(
            f"The patches are {height} x {width} pixels; the augmentation turns them and needs "
            "square ones: cut them again."
        )
    check_patch_size(architecture, height)
    return height


def _check_batch(batch: int, patches: int) -> None:
    if min(batch, patches) < 2:
        raise ConfigurationError(
            f"A training of {patches} patches in batches of {batch} cannot work: batch "
            "normalisation needs two patches; raise segmentation.batch or enlarge the mix."
        )


def _initial_model(
    architecture: str, encoder: str, weights: Path | None, classes: int, seed: int
) -> nn.Module:
    """The model before its first step; its random weights follow from the seed."""
    torch.manual_seed(seed)
    network = build_model(architecture, encoder, classes)
    if weights is not None:
        load_encoder_weights(network, weights)
    return network


def _test(trainer: Trainer, test: Patches, run: RunState) -> tuple[np.ndarray, QualityCounts]:
    """int32 [N, K, K] and other counts of the kept weights on the real test patches."""
    quality = QualityCounts(trainer.classes)
    trainer.model.load_state_dict(trainer.best_weights)
    with Progress("segmentation test", len(test), "patch") as progress:

        def after_batch(size: int) -> None:
            progress.advance(size)
            if run.should_stop():  # the training is saved whole; only the test starts again
                raise run.leave("the test of the trained model")

        counts = confusion_of(
            trainer.model,
            test,
            classes=trainer.classes,
            batch=trainer.settings.batch,
            device=trainer.device,
            precision=trainer.settings.precision,
            after_batch=after_batch,
            also=quality.add,
        )
    return counts, quality


def write_history(path: Path, rows: Sequence[Sequence[Any]], record: Mapping[str, Any]) -> None:
    """Write history rows (step, images, seconds, name, value) as their table."""
    names = ("step", "images", "seconds", "name", "value")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    write_table(path, {name: list(values) for name, values in columns.items()}, "history", record)
