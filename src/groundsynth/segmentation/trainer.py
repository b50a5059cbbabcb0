"""The training loop of a segmentation model (paper, section on segmentation experiments).

AdamW; after each round the macro F1 on the real validation split decides about the learning rate
(schedule ``plateau``), about stopping early, and about the weights that are kept. Over several
processes each step is that of one process with the whole batch: each reads its share, and
normalisation, loss and gradient are those of all shares.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from groundsynth.checkpoint import load_checkpoint, save_checkpoint
from groundsynth.device import autocast, loss_scaler
from groundsynth.errors import TrainingError
from groundsynth.processes import Processes
from groundsynth.progress import Progress
from groundsynth.run_state import RunState
from groundsynth.segmentation.batch_statistics import global_statistics
from groundsynth.segmentation.class_weights import weights_of
from groundsynth.segmentation.confusion import confusion_of
from groundsynth.segmentation.data import Patches, read_batches
from groundsynth.segmentation.losses import make_loss
from groundsynth.segmentation.metrics import scores
from groundsynth.segmentation.optimizer import ClippedAdamW
from groundsynth.segmentation.preprocessing import as_images, as_masks, augment, standardise
from groundsynth.segmentation.sampling import training_batches
from groundsynth.segmentation.settings import Settings

SAVE_EVERY_SECONDS = 600.0
RATE_FACTOR = 0.1


class Trainer:
    """A model in training, with all that a checkpoint has to hold."""

    def __init__(
        self,
        model: nn.Module,
        train: Patches,
        validation: Patches,
        classes: int,
        settings: Settings,
        processes: Processes,
    ) -> None:
        self.processes, self.device = processes, processes.device
        self.model = model.to(self.device).to(memory_format=torch.channels_last)
        self.parameters = list(self.model.parameters())  # to look for them takes time, at each step
        self.train, self.validation, self.classes = train, validation, classes
        self.settings = settings
        self.loss = make_loss(settings.loss, None, processes.total)
        self.optimizer = ClippedAdamW(
            self.parameters, settings.learning_rate, settings.weight_decay, settings.clip_norm
        )
        self.schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self.optimizer, mode="max", factor=RATE_FACTOR, patience=settings.patience
        )
        self.scaler = loss_scaler(self.device, settings.precision)
        self.step = self.rounds = self.rounds_since_best = 0
        self.best_f1 = -1.0
        self.best_weights: dict[str, torch.Tensor] = {}
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        self.history: list[list[Any]] = []
        self.seconds_before = 0.0
        self.started = self.saved = time.monotonic()

    @property
    def complete(self) -> bool:
        """Whether the budget is spent or the F1 has stopped rising."""
        over = self.rounds >= len(self.settings.round_ends)
        return over or self.rounds_since_best >= self.settings.stop_patience

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return self.step

    @property
    def seen(self) -> int:
        """Patches seen so far."""
        return self.step * min(self.settings.batch, len(self.train))

    def describe(self) -> str:
        """How far the training has come, in words."""
        place = f"step {self.step} of {self.settings.round_ends[-1]}"
        return f"{place}, best F1 {self.best_f1:.4g}" if self.rounds else place

    def run(self, run: RunState) -> bool:
        """Train until complete, or save and leave when asked to stop; True when complete."""
        if self.settings.class_weights and not self._weigh_classes(run):
            return self.complete
        total, quiet = self.settings.round_ends[-1], not self.processes.first
        with (
            suppress(_AskedToStop),
            Progress("segmentation", total, "step", done=self.step, quiet=quiet) as progress,
        ):
            while not self.complete:
                self._train_round(run, progress)
                self._validate(run, progress)
                self.save(run)
        return self.complete

    def _weigh_classes(self, run: RunState) -> bool:
        """Put the weights of the classes into the loss; False when asked to stop before."""
        weights = weights_of(self.train, self.classes, run, self.processes)
        if weights is None:
            return False
        on_device = torch.tensor(weights, device=self.device).float()
        self.loss = make_loss(self.settings.loss, on_device, self.processes.total)
        return True

    def _train_round(self, run: RunState, progress: Progress) -> None:
        def after_step() -> None:
            progress.advance()
            self.pause(run)

        self.take_steps(self.settings.round_ends[self.rounds] - self.step, after_step)

    def take_steps(self, steps: int, after_step: Callable[[], None] = lambda: None) -> None:
        """Take ``steps`` steps from the present one on, with batches that are read ahead."""
        order = training_batches(
            self.train,
            self.settings.sampling,
            self.settings.batch,
            self.settings.seed,
            self.step,
            self.step + steps,
        )
        size = min(self.settings.batch, len(self.train)) // self.processes.count
        own = (positions[self.processes.part.rows(size)] for positions in order)
        self.model.train()
        for images, masks in read_batches(self.train, own, self.classes):
            self._train_step(images, masks)
            after_step()

    def _train_step(self, images: np.ndarray, masks: np.ndarray) -> None:
        """One step of AdamW; what is drawn depends on the seed and the step alone."""
        if self.settings.schedule == "cosine":
            self.optimizer.param_groups[0]["lr"] = self.settings.cosine_rate(self.step)
        random = np.random.default_rng([self.settings.seed, self.step, 1])
        part = self.processes.part
        x, truth = as_images(images, self.device), as_masks(masks, self.device)
        x, truth = augment(x, truth, random, part)
        with (
            autocast(self.device, self.settings.precision),
            global_statistics(self.processes),
            part.draws(len(images)),
        ):
            logits = self.model(standardise(x))
        loss = self.loss(logits, truth)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.processes.add_up_gradients(self.parameters)
        self.optimizer.take_gradients()
        self.scaler.unscale_(self.optimizer)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.loss_sum += loss.detach()
        self.step += 1

    def _validate(self, run: RunState, progress: Progress) -> None:
        """Each process counts its share of the validation split."""
        counts = confusion_of(
            self.model,
            self.validation,
            classes=self.classes,
            batch=self.settings.batch,
            device=self.device,
            precision=self.settings.precision,
            after_batch=lambda size: self.pause(run),
            part=self.processes.part,
        )
        matrix = torch.from_numpy(counts.sum(0, dtype=np.int64))
        self.processes.add_up(matrix)
        figures = scores(matrix.numpy())
        loss = self._mean_loss()
        rate = self.optimizer.param_groups[0]["lr"]
        self.record(loss=loss, f1=figures["f1"], iou=figures["iou"], learning_rate=rate)
        progress.advance(0, loss=loss, f1=figures["f1"])
        self.rounds += 1
        self._judge(figures["f1"])

    def _judge(self, f1: float) -> None:
        """Keep the weights if they are the best so far; let the plateau schedule see the F1."""
        if self.settings.schedule == "plateau":
            self.schedule.step(f1)
        self.rounds_since_best += 1
        if f1 > self.best_f1:
            self.best_f1, self.rounds_since_best = f1, 0
            weights = self.model.state_dict()
            self.best_weights = {k: v.detach().cpu().clone() for k, v in weights.items()}

    def _mean_loss(self) -> float:
        """Mean loss of the round; TrainingError when it is no number."""
        ends = (0, *self.settings.round_ends)
        mean = float(self.loss_sum) / (ends[self.rounds + 1] - ends[self.rounds])
        self.loss_sum.zero_()
        if not np.isfinite(mean):
            raise TrainingError(
                f"The loss is no longer a number at step {self.step}; lower "
                "segmentation.learning_rate or set run.precision to float32."
            )
        return mean

    def record(self, **figures: float) -> None:
        """Add one history row for each figure at the present step."""
        for name, value in figures.items():
            self.history.append([self.step, self.seen, self.seconds, name, float(value)])

    @property
    def seconds(self) -> float:
        """Training time in seconds, over all attempts."""
        return self.seconds_before + time.monotonic() - self.started

    def pause(self, run: RunState) -> None:
        """Save now and then; save and leave when any of the processes is asked to stop."""
        if self.processes.any(run.should_stop()):
            self.save(run)
            raise _AskedToStop
        if time.monotonic() - self.saved >= SAVE_EVERY_SECONDS:
            self.save(run)

    def save(self, run: RunState) -> None:
        """Write a checkpoint from which ``restore`` goes on as if nothing had happened.

        By the first process, and not into a folder that another holder has taken.
        """
        self.saved = time.monotonic()
        if not self.processes.first or run.lost.is_set():
            return
        parts = {name: part.state_dict() for name, part in self._stateful().items()}
        values = {name: getattr(self, name) for name in VALUES}
        save_checkpoint(run.folder, {**parts, **values, "seconds": self.seconds})

    def restore(self, folder: Path) -> None:
        """Go on from the newest checkpoint in ``folder``, if there is one, in all processes."""
        found = load_checkpoint(folder, torch.device("cpu"))
        if found is not None:
            self._load(found)
        self.processes.share(self.model.state_dict().values())

    def _load(self, found: Mapping[str, Any]) -> None:
        for name, part in self._stateful().items():
            part.load_state_dict(found[name])
        for name in VALUES:
            setattr(self, name, found[name])
        self.loss_sum = self.loss_sum.to(self.device)
        self.seconds_before, self.started = found["seconds"], time.monotonic()

    def _stateful(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "scaler": self.scaler,
        }


class _AskedToStop(Exception):
    """The state is saved; leave the training at once."""


VALUES = (
    "step",
    "rounds",
    "rounds_since_best",
    "best_f1",
    "best_weights",
    "loss_sum",
    "history",
)
