"""The populations of a run as the figures see them: opened, not read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from groundsynth.segmentation.populations import Population
from groundsynth.tables import read_tables


@dataclass(frozen=True)
class DrawnPopulations:
    """Real patches, both kinds of samples (maybe none), and the patch behind each conditional."""

    real: Population
    unconditional: Population
    conditional: Population
    conditions: list[str]

    def sampled(self) -> dict[str, Population]:
        """The synthetic populations that have samples."""
        found = {"unconditional": self.unconditional, "conditional": self.conditional}
        return {name: population for name, population in found.items() if population.ids}

    def train_rows(self) -> np.ndarray:
        """Rows of the real patches that the generative models have seen."""
        return np.flatnonzero(np.asarray(self.real.splits) == "train")


def read_conditions(indices: Sequence[Path]) -> list[str]:
    """Id of the patch whose mask each conditional sample was drawn from, in row order."""
    table = read_tables(indices, "synthetic_index", ["condition_patch_id"])
    conditions: list[str] = table["condition_patch_id"].to_pylist()
    return conditions
