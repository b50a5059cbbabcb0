"""When a training no longer gets better: the Fréchet distance of the averaged generator's samples.

At every tick the distance to train patches is measured in features of a random network. The
weights of the tick with the smallest one are kept, and a training ends when ``patience`` ticks
brought no fall by more than the share ``tolerance``. Seeds and patches are always the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from groundsynth.errors import ConfigurationError
from groundsynth.evaluation.moments import Moments, distance
from groundsynth.gan.random_features import NAME, SIZE, RandomFeatures
from groundsynth.gan.real_patches import TrainPatches
from groundsynth.processes import Processes

FIGURE = "random_frechet_distance"
"""Name of the distance in the history."""

Sample = Callable[[nn.Module, np.ndarray], Tensor]
"""Images [n, 3, H, W] that a generator makes for the seeds [n]."""


@dataclass(frozen=True)
class PlateauSettings:
    """Ticks without a fall by the share ``tolerance`` that end a training; samples a tick."""

    patience: int
    tolerance: float
    samples: int

    @classmethod
    def of(
        cls, patience: int | None, tolerance: float | None, samples: int | None
    ) -> PlateauSettings | None:
        """Settings from a verb's options; None where no plateau is looked for.

        Raises ConfigurationError when there is a patience, and another of the three is not given.
        """
        if patience is None:
            return None
        if tolerance is None or samples is None:
            raise ConfigurationError(
                "A plateau needs a patience, a tolerance and a number of samples; give all of "
                "gan.*.plateau, or no patience."
            )
        return cls(patience, tolerance, samples)


class Plateau:
    """Distances of one training, and the weights that had the smallest."""

    def __init__(
        self,
        settings: PlateauSettings,
        patches: TrainPatches,
        sample: Sample,
        batch: int,
        processes: Processes,
    ) -> None:
        self.settings, self.sample = settings, sample
        self.batch, self.processes = batch, processes
        self.features = RandomFeatures().to(processes.device)
        self.real = self._moments(
            min(settings.samples, len(patches)),
            lambda seeds: _real_images(patches, settings, seeds),
        )
        self.best = self.reference = math.inf
        self.best_images = self.waited = 0
        self.weights: dict[str, Tensor] | None = None

    @property
    def reached(self) -> bool:
        """Whether the distance has not fallen for as many ticks as the patience."""
        return self.waited >= self.settings.patience

    def measure(self, average: nn.Module, seen: int) -> Tensor:
        """Distance of the averaged generator after ``seen`` images, a float64 scalar."""
        count = self.settings.samples
        value = distance(self.real, self._moments(count, lambda s: self.sample(average, s)))
        if value < self.best:
            self.best, self.best_images = value, seen
            self.weights = {name: t.clone() for name, t in average.state_dict().items()}
        self.waited += 1
        if value < self.reference * (1 - self.settings.tolerance):
            self.reference, self.waited = value, 0
        return torch.tensor(value, dtype=torch.float64)

    def facts(self) -> dict[str, Any]:
        """What the description of the generator says about the distance."""
        return {
            "kept_images": self.best_images,
            FIGURE: self.best,
            "features": NAME,
            "distance_samples": self.settings.samples,
            "distance_patches": self.real.count,
        }

    @torch.no_grad()
    def _moments(self, count: int, images_of: Callable[[np.ndarray], Tensor]) -> Moments:
        """Moments of the features of ``count`` images, of which each process makes a share.

        All processes get the same numbers, and so come to the same decision.
        """
        device, numbers = self.processes.device, np.arange(count)
        found = torch.zeros(count, SIZE, device=device)
        own = np.array_split(numbers, self.processes.count)[self.processes.rank]
        for rows in np.split(own, range(self.batch, len(own), self.batch)):
            if len(rows):
                found[rows] = self.features(images_of(rows).to(device))
        self.processes.add_up(found)
        return Moments.of(found.cpu().numpy())

    def state_dict(self) -> dict[str, Any]:
        """Everything that later decisions depend on."""
        names = ("best", "best_images", "reference", "waited", "weights")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        for name, value in state.items():
            setattr(self, name, value)


def compared_positions(patches: TrainPatches, samples: int) -> np.ndarray:
    """Places in the train split of the patches that are compared: ``samples``, or all of fewer."""
    return np.linspace(0, len(patches) - 1, min(samples, len(patches))).astype(np.int64)


def _real_images(patches: TrainPatches, settings: PlateauSettings, rows: np.ndarray) -> Tensor:
    positions = compared_positions(patches, settings.samples)[rows]
    images = torch.from_numpy(patches.images_at(positions))
    return images.permute(0, 3, 1, 2).float().div(127.5).sub(1)
