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
    if not image[:, 0].any() and not image.any():  # mostly the first row says it
        return True
    if not all_finite(image):
        return True
    return no_data is not None and _holds_everywhere(image, no_data)


def all_finite(image: np.ndarray) -> bool:
    """Whether every value is a number: neither NaN nor infinite."""
    return image.dtype.kind != "f" or bool(np.isfinite(image).all())


def _holds_everywhere(image: np.ndarray, value: float) -> bool:
    """Whether a single pixel of an image, [bands, H, W], is ``value`` in all bands."""
    found = image[0] == value
    for band in image[1:]:
        if not found.any():  # the common case, for a third of the work
            return False
        found &= band == value
    return bool(found.any())


def mostly_water(mask: np.ndarray, water: int | None, max_percent: float) -> bool:
    """Whether more than ``max_percent`` of a mask is the class ``water`` (None: no limit)."""
    return water is not None and _share(mask, water) * 100 > max_percent


def _share(mask: np.ndarray, index: int) -> float:
    return np.count_nonzero(mask == index) / mask.size
