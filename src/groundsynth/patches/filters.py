"""Which patches are kept: the paper's filters for missing values and water (section 3.1).

The last two reasons, too near to a patch of another split and not listed in a split file, are
found by ``splits.Splitter``.
"""

from __future__ import annotations

import numpy as np

from groundsynth.landcover import UNLABELLED

LABELS_MISSING, IMAGERY_MISSING, WATER = "labels_missing", "imagery_missing", "water"
NEAR_OTHER_SPLIT, NOT_LISTED = "near_other_split", "not_listed"
REASONS = (LABELS_MISSING, IMAGERY_MISSING, WATER, NEAR_OTHER_SPLIT, NOT_LISTED)
"""Reasons in the order they are looked for; a patch counts under the first that applies."""


def labels_missing(mask: np.ndarray) -> bool:
    """Whether a mask, uint8 [H, W] class indices, has a single unlabelled pixel."""
    return bool((mask == UNLABELLED).any())


def imagery_missing(image: np.ndarray, no_data: float | None) -> bool:
    """Whether an image, [bands, H, W] raster values, was not seen.

    True when it is zero everywhere or holds a value that is no number, and, where ``no_data`` is
    given, when a single pixel equals it in all bands.
    """
    if not image.any():
        return True
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        return True
    return no_data is not None and bool((image == no_data).all(axis=0).any())


def mostly_water(mask: np.ndarray, water: int | None, max_percent: float) -> bool:
    """Whether more than ``max_percent`` of a mask is the class ``water`` (None: no limit)."""
    return water is not None and float((mask == water).mean()) * 100 > max_percent
