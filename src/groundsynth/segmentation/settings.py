"""What a training depends on beside its data and its model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from groundsynth.segmentation.class_weights import ClassWeights
from groundsynth.segmentation.losses import LossName
from groundsynth.segmentation.sampling import Sampling

Schedule = Literal["plateau", "cosine"]
"""``plateau`` (the paper): x 0.1 when the F1 stops rising; ``cosine``: down to 0 over the budget,
for budgets too short to wait for a plateau (Loshchilov and Hutter 2017, without restarts)."""


@dataclass(frozen=True)
class Settings:
    """Everything but the data and the model that the trained weights depend on."""

    round_ends: tuple[int, ...]
    """Step at which each round ends and validation takes place; the last one ends training."""
    batch: int
    learning_rate: float
    schedule: Schedule
    weight_decay: float
    patience: int
    """Rounds without a better F1 until the learning rate falls."""
    stop_patience: int
    """Rounds without a better F1 until training stops."""
    clip_norm: float
    loss: LossName
    seed: int
    precision: str
    class_weights: ClassWeights | None = None
    """``balanced``: classes weigh inversely to their share of the mix's pixels."""
    sampling: Sampling = "uniform"
    """``balanced``: equally many patches of each population of the mix in every batch."""

    def cosine_rate(self, step: int) -> float:
        """Learning rate of ``step`` in the schedule ``cosine``."""
        done = step / self.round_ends[-1]
        return self.learning_rate * (1 + math.cos(math.pi * done)) / 2


def round_ends(budget: str, epochs: int, steps: int, patches: int, batch: int) -> tuple[int, ...]:
    """The step at which each of ``epochs`` rounds ends.

    Budget ``epochs``: a round is one pass over the patches, so that a larger mix takes more
    steps. Budget ``steps``: ``steps`` in all, in rounds of equal length, whatever the mix.
    """
    if budget == "epochs":
        steps = epochs * (patches // min(batch, patches))
    return tuple(sorted({round(steps * (n + 1) / epochs) for n in range(epochs)} - {0}))
