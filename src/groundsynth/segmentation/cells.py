"""Results of the segmentation matrix: the counts of one cell (mix, architecture, seed)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from groundsynth.errors import InputError
from groundsynth.segmentation.metrics import class_totals
from groundsynth.tables import read_table


@dataclass(frozen=True)
class Cell:
    """One training: its mix, architecture and seed, and its counts on the N test patches.

    ``counts``: int64 [K, K] over all patches, rows truth; ``totals``: int32 [N, 3, K] right, true
    and predicted pixels of each class, of the patches ``ids``.
    """

    mix: str
    architecture: str
    seed: int
    ids: tuple[str, ...]
    counts: np.ndarray
    totals: np.ndarray

    @property
    def patches(self) -> int:
        """Number of test patches."""
        return len(self.ids)


def read_cells(paths: Sequence[Path], classes: int) -> list[Cell]:
    """Read the per-patch counts of each confusion table; one cell a file, in the given order.

    The patches are in the order of their ids, the same ones in every cell. Raises InputError for
    a table without rows or without any count, whose counts are not ``classes`` squared, that
    holds a patch twice, or whose patches are not those of the first table.
    """
    cells = [_read_cell(path, classes) for path in paths]
    for path, cell in zip(paths, cells, strict=True):
        if cell.ids != cells[0].ids:
            raise InputError(
                f"{path} was tested on other patches than {paths[0]}; the cells of a table need "
                "the same test split: run the segmentation stage again."
            )
    return cells


def _read_cell(path: Path, classes: int) -> Cell:
    table = read_table(path, "confusion")
    if not len(table):
        raise InputError(
            f"{path} holds no test patch; give the test split a larger fraction and run again."
        )
    flat = table["counts"].combine_chunks().flatten().to_numpy()
    if len(flat) != len(table) * classes**2:
        raise InputError(
            f"{path} does not hold {classes} x {classes} counts a patch; it was made with another "
            "legend: run the stage that writes it again."
        )
    ids = np.array(table["patch_id"].to_pylist())
    order = np.argsort(ids)
    if len(np.unique(ids)) != len(ids):
        raise InputError(
            f"{path} holds a test patch more than once; delete it and run its stage again."
        )
    counts = flat.reshape(len(table), classes, classes)[order]
    if not counts.any():
        raise InputError(
            f"{path} counts no pixel: no test patch is labelled; check the masks of the test split."
        )
    return Cell(
        mix=table["mix"][0].as_py(),
        architecture=table["architecture"][0].as_py(),
        seed=table["seed"][0].as_py(),
        ids=tuple(ids[order].tolist()),
        counts=counts.sum(axis=0, dtype=np.int64),
        totals=class_totals(counts).astype(np.int32),
    )
