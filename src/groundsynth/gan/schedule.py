"""Length of a training and of its ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from groundsynth.errors import ConfigurationError


@dataclass(frozen=True)
class Schedule:
    """Length of a training and of its ticks, in thousands of images; half-life of the average.

    ``micro_batch`` images are computed on at once; None for a process's share of the batch.
    """

    batch: int
    kimg: float
    tick_kimg: float
    ema_kimg: float
    micro_batch: int | None = None

    def __post_init__(self) -> None:
        if self.batch < 2 or self.kimg <= 0 or self.tick_kimg <= 0 or self.ema_kimg < 0:
            raise ConfigurationError(
                f"A training with batch {self.batch}, kimg {self.kimg}, tick_kimg "
                f"{self.tick_kimg} and ema_kimg {self.ema_kimg} cannot work; give a batch of at "
                "least 2 and positive lengths."
            )

    @property
    def steps(self) -> int:
        """Number of steps of the whole training."""
        return math.ceil(round(1000 * self.kimg) / self.batch)

    @property
    def tick_steps(self) -> int:
        """Number of steps between two ticks."""
        return max(1, round(1000 * self.tick_kimg / self.batch))
