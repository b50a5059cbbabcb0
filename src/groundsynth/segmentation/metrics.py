"""Segmentation scores from a matrix of counts; everything printed derives from such matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from groundsynth.errors import InputError

NAMES = ("f1", "iou", "precision", "recall")


def scores(confusion: np.ndarray) -> dict[str, Any]:
    """Scores of a (K, K) count matrix, rows truth and columns prediction, as fractions.

    Returns macro ``f1``, ``iou``, ``precision``, ``recall``, the pixel ``accuracy``,
    ``per_class`` (each score a list of K, None for a class left out) and ``classes_left_out``.
    A class that occurs neither in truth nor in prediction has no score and is left out of the
    macro means; a class that occurs but is never right scores 0. These are the conventions of
    scikit-learn's macro averages. Raises InputError when there is no labelled pixel at all.
    """
    counts = np.asarray(confusion, np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"a confusion matrix is square, not {counts.shape}")
    total = counts.sum()
    if total == 0:
        raise InputError(
            "The confusion matrix is empty: no pixel of the patches is labelled; check the masks."
        )
    right, truth, predicted = np.diag(counts), counts.sum(1), counts.sum(0)
    present = truth + predicted > 0
    by_class = {
        "f1": _ratio(2 * right, truth + predicted),
        "iou": _ratio(right, truth + predicted - right),
        "precision": _ratio(right, predicted),
        "recall": _ratio(right, truth),
    }
    return {
        **{name: float(by_class[name][present].mean()) for name in NAMES},
        "accuracy": float(right.sum() / total),
        "per_class": {name: _listed(by_class[name], present) for name in NAMES},
        "classes_left_out": int((~present).sum()),
    }


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below, and 0 where there is nothing to divide by."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _listed(values: np.ndarray, present: np.ndarray) -> list[float | None]:
    return [float(v) if there else None for v, there in zip(values, present, strict=True)]
