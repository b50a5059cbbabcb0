"""The candidates of one strip of the patch grid: image, mask, and why not to keep it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from groundsynth.patches.filters import (
    IMAGERY_MISSING,
    LABELS_MISSING,
    WATER,
    imagery_missing,
    mostly_water,
)
from groundsynth.patches.strips import Cutting, Strip


@dataclass(frozen=True)
class Candidate:
    """One place of the patch grid: a patch to keep, or the reason to drop it."""

    row: int
    column: int
    image: np.ndarray | None
    """[3, size, size] raster values; None where the labels alone drop the patch."""
    mask: np.ndarray
    """uint8 [size, size] class indices, UNLABELLED where nothing is known."""
    reason: str | None


def candidates(strip: Strip, cutting: Cutting) -> Iterator[Candidate]:
    """The candidates of a strip from left to right; their arrays are views of it."""
    for column, labelled in enumerate(strip.labelled):
        here = slice(column * cutting.stride, column * cutting.stride + cutting.size)
        mask = strip.mask[:, here]
        if strip.image is None or not labelled:
            yield Candidate(strip.row, column, None, mask, LABELS_MISSING)
            continue
        image = strip.image[:, here].transpose(2, 0, 1)
        yield Candidate(strip.row, column, image, mask, _reason(image, mask, cutting))


def _reason(image: np.ndarray, mask: np.ndarray, cutting: Cutting) -> str | None:
    if imagery_missing(image, cutting.imagery_no_data):
        return IMAGERY_MISSING
    if mostly_water(mask, cutting.water, cutting.max_water_percent):
        return WATER
    return None
