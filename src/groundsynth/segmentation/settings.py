"""What a training depends on beside its data and its model."""

from __future__ import annotations

from dataclasses import dataclass

from groundsynth.segmentation.losses import LossName


@dataclass(frozen=True)
class Settings:
    """Everything but the data and the model that the trained weights depend on."""

    round_ends: tuple[int, ...]
    """Step at which each round ends and validation takes place; the last one ends training."""
    batch: int
    learning_rate: float
    weight_decay: float
    patience: int
    """Rounds without a better F1 until the learning rate falls."""
    stop_patience: int
    """Rounds without a better F1 until training stops."""
    clip_norm: float
    loss: LossName
    seed: int
    precision: str


def round_ends(budget: str, epochs: int, steps: int, patches: int, batch: int) -> tuple[int, ...]:
    """The step at which each of ``epochs`` rounds ends.

    Budget ``epochs``: a round is one pass over the patches, so that a larger mix takes more
    steps. Budget ``steps``: ``steps`` in all, in rounds of equal length, whatever the mix.
    """
    if budget == "epochs":
        steps = epochs * (patches // min(batch, patches))
    return tuple(sorted({round(steps * (n + 1) / epochs) for n in range(epochs)} - {0}))
