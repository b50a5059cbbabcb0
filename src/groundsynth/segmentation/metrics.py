"""Segmentation scores from counts; everything printed derives from them.

Every score needs three counts of each class only (right, true, predicted pixels), which add up
over patches, so that the scores of a thousand resamples are one matrix product.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from groundsynth.errors import InputError

NAMES = ("f1", "iou", "precision", "recall")
MACRO = (*NAMES, "accuracy")


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
    if counts.sum() == 0:
        raise InputError(
            "The confusion matrix is empty: no pixel of the patches is labelled; check the masks."
        )
    totals = class_totals(counts)
    by_class = class_scores(totals)
    return {
        **{name: float(value) for name, value in macro_scores(totals).items()},
        "per_class": {name: _listed(by_class[name]) for name in NAMES},
        "classes_left_out": int(np.isnan(by_class["f1"]).sum()),
    }


def class_totals(confusion: np.ndarray) -> np.ndarray:
    """[..., K, K] counts -> [..., 3, K]: right, true and predicted pixels of each class."""
    counts = np.asarray(confusion)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    return np.stack([right, counts.sum(-1), counts.sum(-2)], axis=-2)


def class_scores(totals: np.ndarray) -> dict[str, np.ndarray]:
    """Totals [..., 3, K] -> each of NAMES as [..., K]; NaN for a class that occurs nowhere."""
    right, truth, predicted = np.moveaxis(np.asarray(totals, np.float64), -2, 0)
    both = truth + predicted
    found = {
        "f1": _ratio(2 * right, both),
        "iou": _ratio(right, both - right),
        "precision": _ratio(right, predicted),
        "recall": _ratio(right, truth),
    }
    return {name: np.where(both > 0, value, np.nan) for name, value in found.items()}


def macro_scores(totals: np.ndarray) -> dict[str, np.ndarray]:
    """Totals [..., 3, K] -> each of MACRO as [...]; NaN where no pixel is labelled."""
    right, truth, _ = np.moveaxis(np.asarray(totals, np.float64), -2, 0)
    found = {name: _mean_of_present(values) for name, values in class_scores(totals).items()}
    labelled = truth.sum(-1)
    accuracy = np.where(labelled > 0, _ratio(right.sum(-1), labelled), np.nan)
    return {**found, "accuracy": accuracy}


def _mean_of_present(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is a number; NaN where nothing is."""
    present = ~np.isnan(values)
    count = present.sum(-1)
    total = np.where(present, values, 0).sum(-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below, and 0 where there is nothing to divide by."""
    above = np.asarray(above)
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _listed(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
