"""The training loop of a segmentation model (paper, section on segmentation experiments).

AdamW; after each round the macro F1 on the real validation split decides about the learning rate
(schedule ``plateau``), about stopping early, and about the weights that are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from groundsynth.checkpoint import load_checkpoint, save_checkpoint
from groundsynth.device import autocast, loss_scaler
from groundsynth.errors import TrainingError
from groundsynth.progress import Progress
from groundsynth.run_state import RunState
from groundsynth.segmentation.confusion import confusion_of
from groundsynth.segmentation.data import Patches, read_batches
from groundsynth.segmentation.losses import make_loss
from groundsynth.segmentation.metrics import scores
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
        device: torch.device,
        weights: np.ndarray | None = None,
    ) -> None:
        """``weights`` are those of the classes in the loss, [K]."""
        self.model = model.to(device).to(memory_format=torch.channels_last)
        self.train, self.validation, self.classes = train, validation, classes
        self.settings, self.device = settings, device
        on_device = None if weights is None else torch.tensor(weights, device=device).float()
        self.loss = make_loss(settings.loss, on_device)
        self.optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,  # all parameters in one pass: a third of the time on a CPU
        )
        self.schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self.optimizer, mode="max", factor=RATE_FACTOR, patience=settings.patience
        )
        self.scaler = loss_scaler(device, settings.precision)
        self.step = self.rounds = self.rounds_since_best = 0
        self.best_f1 = -1.0
        self.best_weights: dict[str, torch.Tensor] = {}
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)
        self.history: list[list[Any]] = []
        self.seconds_before = 0.0
        self.started = self.saved = time.monotonic()

    @property
    def finished(self) -> bool:
        """Whether the budget is spent or the F1 has stopped rising."""
        over = self.rounds >= len(self.settings.round_ends)
        return over or self.rounds_since_best >= self.settings.stop_patience

    def run(self, state: RunState) -> None:
        """Train until finished; save and raise what ``state.leave`` gives when asked to stop."""
        self.load(state.folder)
        total = self.settings.round_ends[-1]
        with Progress("segmentation", total, "step", done=self.step) as progress:
            while not self.finished:
                self._train_round(state, progress)
                self._validate(state, progress)
                self.save(state.folder)

    def _train_round(self, state: RunState, progress: Progress) -> None:
        def after_step() -> None:
            progress.advance()
            self.pause(state)

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
        for images, masks in read_batches(self.train, order, self.classes):
            self._train_step(images, masks)
            after_step()

    def _train_step(self, images: np.ndarray, masks: np.ndarray) -> None:
        """One step of AdamW; what is drawn depends on the seed and the step alone."""
        self.model.train()
        if self.settings.schedule == "cosine":
            self.optimizer.param_groups[0]["lr"] = self.settings.cosine_rate(self.step)
        random = np.random.default_rng([self.settings.seed, self.step, 1])
        x, truth = augment(as_images(images, self.device), as_masks(masks, self.device), random)
        with autocast(self.device, self.settings.precision):
            logits = self.model(standardise(x))
        loss = self.loss(logits, truth)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm, foreach=True)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.loss_sum += loss.detach()
        self.step += 1

    def _validate(self, state: RunState, progress: Progress) -> None:
        counts = confusion_of(
            self.model,
            self.validation,
            classes=self.classes,
            batch=self.settings.batch,
            device=self.device,
            precision=self.settings.precision,
            after_batch=lambda size: self.pause(state),
        )
        figures = scores(counts.sum(0))
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
        images = self.step * min(self.settings.batch, len(self.train))
        for name, value in figures.items():
            self.history.append([self.step, images, self.seconds, name, float(value)])

    @property
    def seconds(self) -> float:
        """Training time in seconds, over all attempts."""
        return self.seconds_before + time.monotonic() - self.started

    def pause(self, state: RunState) -> None:
        """Save now and then; save and leave when the job is asked to stop."""
        if state.should_stop():
            if not state.lost.is_set():  # else the folder is another holder's
                self.save(state.folder)
            raise state.leave(f"step {self.step} of {self.settings.round_ends[-1]}")
        if time.monotonic() - self.saved >= SAVE_EVERY_SECONDS:
            self.save(state.folder)

    def save(self, folder: Path) -> None:
        """Write a checkpoint from which ``load`` goes on as if nothing had happened."""
        parts = {name: part.state_dict() for name, part in self._stateful().items()}
        values = {name: getattr(self, name) for name in VALUES}
        save_checkpoint(folder, {**parts, **values, "seconds": self.seconds})
        self.saved = time.monotonic()

    def load(self, folder: Path) -> None:
        """Go on from the newest checkpoint in ``folder``, if there is one."""
        found = load_checkpoint(folder, torch.device("cpu"))
        if found is None:
            return
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


VALUES = (
    "step",
    "rounds",
    "rounds_since_best",
    "best_f1",
    "best_weights",
    "loss_sum",
    "history",
)
