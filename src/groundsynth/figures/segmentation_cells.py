"""Results of the segmentation matrix: one confusion matrix a cell (mix, architecture, seed)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from groundsynth.errors import InputError
from groundsynth.tables import read_table


@dataclass(frozen=True)
class Cell:
    """One training: its mix, architecture and seed; int64 [K, K] pixel counts, rows truth."""

    mix: str
    architecture: str
    seed: int
    patches: int
    counts: np.ndarray


def read_cells(paths: Sequence[Path], classes: int) -> list[Cell]:
    """Sum the per-patch counts of each confusion table; one cell a file, in the given order.

    Raises InputError for a table without rows, or whose counts are not ``classes`` squared.
    """
    return [_read_cell(path, classes) for path in paths]


def _read_cell(path: Path, classes: int) -> Cell:
    table = read_table(path, "confusion")
    if not len(table):
        raise InputError(
            f"{path} holds no test patch; give the test split a larger fraction and run again."
        )
    counts = table["counts"].combine_chunks().flatten().to_numpy()
    if len(counts) != len(table) * classes**2:
        raise InputError(
            f"{path} does not hold {classes} x {classes} counts a patch; it was made with another "
            "legend: run the stage that writes it again."
        )
    return Cell(
        mix=table["mix"][0].as_py(),
        architecture=table["architecture"][0].as_py(),
        seed=table["seed"][0].as_py(),
        patches=len(table),
        counts=counts.reshape(len(table), classes, classes).sum(axis=0, dtype=np.int64),
    )
