"""Options of a segmentation training, of its time slots before the last, and of the last one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from groundsynth.device import Precision
from groundsynth.landcover import Legend
from groundsynth.segmentation.class_weights import ClassWeights
from groundsynth.segmentation.losses import LossName
from groundsynth.segmentation.mixes import Mix
from groundsynth.segmentation.models import sidecar_of
from groundsynth.segmentation.sampling import Sampling
from groundsynth.segmentation.settings import Schedule, Settings, round_ends

Architecture = Literal["unet", "unetplusplus", "pan", "deeplabv3plus", "segformer", "fpn"]
Shards = tuple[list[Path], list[Path], list[Path]]
"""Images, masks and indices of one population."""


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Options of every time slot; train-segmentation says what they mean."""

    real_images: list[Path]
    real_masks: list[Path]
    real_indices: list[Path]
    unconditional_images: list[Path]
    unconditional_masks: list[Path]
    unconditional_indices: list[Path]
    conditional_images: list[Path]
    conditional_masks: list[Path]
    conditional_indices: list[Path]
    unconditional_selection: Path | None = None
    conditional_selection: Path | None = None
    mix: str
    mix_parts: dict[str, Any]
    architecture: Architecture
    encoder: str
    encoder_weights: Path | None
    legend: dict[str, Any]
    budget: Literal["epochs", "steps"]
    epochs: int
    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    patience: int
    stop_patience: int
    clip_norm: float
    loss: LossName = "dice"
    class_weights: ClassWeights | None = None
    sampling: Sampling = "uniform"
    schedule: Schedule = "plateau"
    seed: int
    device: str
    precision: Precision
    state: Path
    keep_state: bool
    runtime: float | None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes of the legend, in the order of their indices."""
        return Legend.from_json(self.legend).names

    @property
    def chosen_mix(self) -> Mix:
        """The training mix."""
        return Mix.from_parts(self.mix, self.mix_parts)

    @property
    def shards(self) -> dict[str, Shards]:
        """Files of each population."""
        return {
            "real": (self.real_images, self.real_masks, self.real_indices),
            "unconditional": (
                self.unconditional_images,
                self.unconditional_masks,
                self.unconditional_indices,
            ),
            "conditional": (
                self.conditional_images,
                self.conditional_masks,
                self.conditional_indices,
            ),
        }

    @property
    def selections(self) -> dict[str, Path | None]:
        """The table that says which samples the mix takes, for each population; None: any."""
        used = self.chosen_mix.selection
        return {
            "unconditional": self.unconditional_selection if used else None,
            "conditional": self.conditional_selection if used else None,
        }

    @property
    def inputs(self) -> list[Path]:
        """The files that the training reads, in the order of the fingerprint."""
        shards = [path for lists in self.shards.values() for paths in lists for path in paths]
        return shards + [path for path in self.selections.values() if path is not None]

    def settings(self, patches: int) -> Settings:
        """What a training on a mix of so many ``patches`` depends on."""
        return Settings(
            round_ends=round_ends(self.budget, self.epochs, self.steps, patches, self.batch),
            batch=self.batch,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            weight_decay=self.weight_decay,
            patience=self.patience,
            stop_patience=self.stop_patience,
            clip_norm=self.clip_norm,
            loss=self.loss,
            seed=self.seed,
            precision=self.precision,
            class_weights=self.class_weights,
            sampling=self.sampling,
        )


@dataclass(frozen=True, kw_only=True)
class SlotOptions(TrainingOptions):
    """Options of the time slot number ``slot``, before the last."""

    slot: int
    receipt: Path


@dataclass(frozen=True, kw_only=True)
class LastSlotOptions(TrainingOptions):
    """Options of the last time slot: the files that it writes."""

    model: Path
    history: Path
    confusion: Path
    quality: Path

    @property
    def outputs(self) -> list[Path]:
        """Every file that tells that the training is finished."""
        return [self.model, sidecar_of(self.model), self.history, self.confusion, self.quality]
