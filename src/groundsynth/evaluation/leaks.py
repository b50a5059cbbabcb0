"""How many samples lie too near to a training patch, by the measure of unseen real patches.

Real patches of the test split were not seen in training either: their own distances to the train
split say how near a patch comes to it by chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import betabinom

from groundsynth.errors import InputError

LEVEL = 0.05
"""Chance at which as many near-duplicates would count as too many, though there are none."""
COPY = 0.1
"""Part of the yardstick's threshold below which a sample can hardly be anything but a copy."""
QUANTILES = {"smallest": 0, "p1": 1, "p5": 5, "p25": 25, "median": 50, "p75": 75, "largest": 100}


@dataclass(frozen=True)
class Scale:
    """Standardisation of features: mean and deviation [D] of the ``count`` train patches."""

    count: int
    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of_parts(cls, parts: Iterable[np.ndarray]) -> Scale:
        """From float32 [N, D] parts, one after another; InputError where there is no vector."""
        count, mean, squares = 0, np.zeros(1), np.zeros(1)
        for part in parts:
            if len(part):  # Chan, Golub and LeVeque 1983
                values = np.asarray(part, np.float64)
                both, step = count + len(values), values.mean(0) - mean
                squares = squares + ((values - values.mean(0)) ** 2).sum(0)
                squares = squares + step**2 * (count * len(values) / both)
                mean, count = mean + step * (len(values) / both), both
        if not count:
            raise InputError(
                "There are no features of train patches; run the stage that extracts them again."
            )
        deviation = np.sqrt(squares / count)
        return cls(count, mean, np.where(deviation > 0, deviation, 1))

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """float32 [N, D] in units of the deviation, centred; a constant feature is only centred.

        Centring also keeps the lengths small, which float32 products need.
        """
        scaled: np.ndarray = (vectors - self.mean.astype(np.float32)).astype(np.float32, copy=False)
        scaled /= self.deviation.astype(np.float32)
        return scaled


@dataclass(frozen=True)
class Yardstick:
    """Distances of the real test patches to the train split, and the limit they set.

    ``percentile`` (percent) of them lie at or below ``threshold``, the ``rank``-th smallest.
    """

    distances: np.ndarray
    percentile: float

    @property
    def rank(self) -> int:
        return max(1, math.ceil(len(self.distances) * self.percentile / 100))

    @property
    def threshold(self) -> float:
        return float(np.sort(self.distances)[self.rank - 1])

    def near(self, distances: np.ndarray) -> np.ndarray:
        """Which distances are smaller than the threshold: bool [N]."""
        found: np.ndarray = distances < self.threshold
        return found

    @property
    def expected(self) -> float:
        """Share (0 to 1) of further real patches that would lie below the threshold."""
        return self.rank / (len(self.distances) + 1)

    def chance(self, near: int, samples: int) -> float:
        """Probability of ``near`` or more near-duplicates among as many further real patches.

        If samples and test patches come from one distribution, every order of all their distances
        is as likely as any other, and the number of samples below the ``rank``-th test distance
        is beta-binomial, whatever the distribution.
        """
        others = len(self.distances) + 1 - self.rank
        return float(betabinom.sf(near - 1, samples, self.rank, others))


def judge(distances: np.ndarray, yardstick: Yardstick) -> dict[str, Any]:
    """The figures of an audit: counts, shares in percent, quantiles, chance and verdict.

    ``leaks``: there are more near-duplicates than chance explains. ``copies`` are those at less
    than a tenth of the threshold, which in many samples may be too few to change a share.
    """
    near, samples = int(yardstick.near(distances).sum()), len(distances)
    chance = yardstick.chance(near, samples)
    return {
        "samples": samples,
        "test_patches": len(yardstick.distances),
        "percentile": yardstick.percentile,
        "threshold": yardstick.threshold,
        "near_duplicates": near,
        "share_percent": 100 * near / samples,
        "expected_percent": 100 * yardstick.expected,
        "chance": chance,
        "leaks": chance < LEVEL,
        "copies": int((distances < COPY * yardstick.threshold).sum()),
        "copies_real_test": int((yardstick.distances < COPY * yardstick.threshold).sum()),
        "quantiles": {
            "samples": quantiles(distances),
            "real_test": quantiles(yardstick.distances),
        },
    }


def quantiles(distances: np.ndarray) -> dict[str, float]:
    """Some quantiles of the distances, by name."""
    values = np.percentile(distances, list(QUANTILES.values()))
    return dict(zip(QUANTILES, values.tolist(), strict=True))
