"""Boundary F1 and calibration error from the counts of a test (table ``quality``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from groundsynth.errors import InputError
from groundsynth.tables import read_table

BINS = 15
"""Equal bins of the largest class probability of a pixel."""

Key = tuple[str, str, int]
"""Mix, architecture and seed of a cell."""


def read_qualities(paths: Sequence[Path], classes: int) -> dict[Key, dict[str, float | None]]:
    """Cell -> its ``boundary_f1`` and ``calibration_error``, fractions over all its patches.

    Raises InputError for a table without rows or of another legend.
    """
    return {
        key: {
            "boundary_f1": boundary_f1(boundaries),
            "calibration_error": expected_calibration_error(calibration),
        }
        for key, boundaries, calibration in (_summed(path, classes) for path in paths)
    }


def calibration_counts(paths: Sequence[Path], classes: int) -> dict[Key, np.ndarray]:
    """Cell -> its counts of calibration float64 [3, BINS] over all its patches.

    Raises InputError as ``read_qualities`` does.
    """
    return {key: calibration for key, _, calibration in (_summed(p, classes) for p in paths)}


def _summed(path: Path, classes: int) -> tuple[Key, np.ndarray, np.ndarray]:
    """A cell, and the counts of its patches summed: boundaries [4, K], calibration [3, BINS]."""
    table = read_table(path, "quality")
    if not len(table):
        raise InputError(
            f"{path} holds no test patch; give the test split a larger fraction and run again."
        )
    sums = []
    for name, parts, width in (("boundaries", 4, classes), ("calibration", 3, BINS)):
        flat = table[name].combine_chunks().flatten().to_numpy()
        if len(flat) != len(table) * parts * width:
            raise InputError(
                f"{path} does not hold {parts} x {width} counts a patch; it was made with another "
                "legend or version: run the stage that writes it again."
            )
        sums.append(flat.reshape(-1, parts, width).sum(axis=0, dtype=np.float64))
    mix, architecture, seed = (table[name][0].as_py() for name in ("mix", "architecture", "seed"))
    return (mix, architecture, seed), sums[0], sums[1]


def boundary_f1(counts: np.ndarray) -> float | None:
    """Macro F1 of summed counts [4, K], over classes that have a boundary; None without any."""
    predicted, right, true, found = np.asarray(counts, np.float64)
    present = predicted + true > 0
    if not present.any():
        return None
    precision = np.divide(right, predicted, out=np.zeros_like(right), where=predicted > 0)
    recall = np.divide(found, true, out=np.zeros_like(found), where=true > 0)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    return float(f1[present].mean())


def expected_calibration_error(counts: np.ndarray) -> float | None:
    """Mean over pixels of |accuracy - probability| of their bins; summed counts [3, BINS].

    A fraction; None where no pixel is labelled.
    """
    pixels, right, sure = np.asarray(counts, np.float64)
    total = pixels.sum()
    return float(np.abs(right - sure).sum() / total) if total else None
