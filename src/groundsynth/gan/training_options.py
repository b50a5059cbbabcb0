"""Options that the trainings of StyleGAN and SPADE share, and those that their last slot adds.

Each kind of generator adds its own in a dataclass below ``TrainingOptions``; the verbs of the
slots take the fields of these classes (``takes_options``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from groundsynth.gan.generator_files import sidecar_of
from groundsynth.gan.plateau import PlateauSettings
from groundsynth.gan.previews import write_preview
from groundsynth.gan.real_patches import BatchReader, TrainPatches
from groundsynth.gan.schedule import Schedule
from groundsynth.gan.training import Trainer
from groundsynth.gan.watch import WatchSettings
from groundsynth.parts import Part
from groundsynth.processes import Processes
from groundsynth.slots import Slot

APART = {"apart": True}
"""Metadata of an option that the trained weights do not depend on, or only by its content."""


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(ABC):
    """Options of every time slot; lengths (kimg) are thousands of images, ``runtime`` minutes."""

    head: ClassVar[int] = 0
    """Rows of the pictures that are no samples."""

    images: list[Path] = field(metadata=APART)
    indices: list[Path] = field(metadata=APART)
    batch: int
    kimg: float
    generator_rate: float
    discriminator_rate: float
    ema_kimg: float
    tick_kimg: float
    x_flip: bool
    augment: Literal["none", "geometry", "ada"]
    seed: int
    device: str = field(metadata=APART)
    precision: str
    state: Path = field(metadata=APART)
    keep_state: bool = field(metadata=APART)
    slot: int = field(metadata=APART)
    runtime: float | None = field(metadata=APART)
    receipt: Path = field(metadata=APART)
    micro_batch: int | None = None
    snapshot_ticks: int = field(default=1, metadata=APART)
    tensorboard: Path | None = field(default=None, metadata=APART)
    wandb: str | None = field(default=None, metadata=APART)
    plateau_patience: int | None = None
    plateau_tolerance: float | None = None
    plateau_samples: int | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The options that the trained weights depend on, besides the shards."""
        counted = (entry.name for entry in fields(self) if not entry.metadata.get("apart"))
        return {name: getattr(self, name) for name in counted}

    @property
    def inputs(self) -> list[Path]:
        """The shards, in the order of the fingerprint."""
        return [*self.images, *self.indices]

    @property
    def chain_slot(self) -> Slot:
        """The job of the chain that these options are of."""
        return Slot(
            parameters=self.parameters,
            inputs=self.inputs,
            state=self.state,
            keep_state=self.keep_state,
            number=self.slot,
            runtime=self.runtime,
            receipt=self.receipt,
            device=self.device,
        )

    @abstractmethod
    def draw(self, trainer: Trainer) -> tuple[np.ndarray, int]:
        """What pictures show of a training: images uint8 [N, H, W, 3], and their columns."""

    @property
    def watch(self) -> WatchSettings:
        """What is shown of the training while it runs."""
        return WatchSettings(
            self.draw,
            self.head,
            self.snapshot_ticks,
            self.tensorboard,
            self.wandb,
            self.parameters,
        )

    @property
    def schedule(self) -> Schedule:
        """Lengths of the training and its ticks."""
        return Schedule(self.batch, self.kimg, self.tick_kimg, self.ema_kimg, self.micro_batch)

    @property
    def plateau(self) -> PlateauSettings | None:
        """When the training ends before its length, if so configured."""
        return PlateauSettings.of(
            self.plateau_patience, self.plateau_tolerance, self.plateau_samples
        )

    def reader_of(
        self, patches: TrainPatches, processes: Processes, count_classes: bool = False
    ) -> BatchReader:
        """The reader of this process's share of every batch."""
        return BatchReader(
            patches,
            self.batch,
            self.seed,
            processes.device,
            x_flip=self.x_flip,
            turns=self.augment == "geometry",
            share=Part(processes.rank, processes.count),
            count_classes=count_classes,
        )


@dataclass(frozen=True, kw_only=True)
class LastSlotOptions:
    """What the last of ``slots`` time slots adds to the options: the files that it writes."""

    slots: int = field(metadata=APART)
    model: Path = field(metadata=APART)
    history: Path = field(metadata=APART)
    preview: Path = field(metadata=APART)
    progress: Path | None = field(default=None, metadata=APART)

    @property
    def outputs(self) -> list[Path]:
        """Every file that tells that the training is finished."""
        strip = [] if self.progress is None else [self.progress]
        return [self.model, sidecar_of(self.model), self.history, self.preview, *strip]

    def write_pictures(self, watch: WatchSettings, trainer: Trainer, state: Path) -> None:
        """The preview of the kept generator, and the strip of the training's snapshots."""
        write_preview(self.preview, *watch.draw(trainer))
        if self.progress is not None:
            watch.snapshots(trainer, state).write_strip(self.progress)
