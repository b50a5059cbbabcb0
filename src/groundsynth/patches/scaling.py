"""Raster values to 8 bit, by one of four rules; a patch is scaled by itself, never by its tile."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from groundsynth.errors import ConfigurationError

Scaling = Literal["patch_max", "reflectance", "percentile", "none"]
Scale = Callable[[np.ndarray, float, float], np.ndarray]
PERCENTILES = (2, 98)


def require_scaling(
    scaling: Scaling, reflectance_range: Sequence[float], dtype: str, where: object
) -> None:
    """ConfigurationError unless ``scaling`` can be applied to rasters of ``dtype``."""
    if scaling == "none" and dtype != "uint8":
        raise ConfigurationError(
            f"{where} holds {dtype} values, which scaling 'none' cannot take to 8 bit; choose "
            "'reflectance', 'patch_max' or 'percentile'."
        )
    if scaling == "reflectance" and not (
        len(reflectance_range) == 2 and reflectance_range[0] < reflectance_range[1]
    ):
        raise ConfigurationError(
            f"The reflectance range {list(reflectance_range)} is none; give the raster values "
            "that become 0 and 255, lower first."
        )


def to_8_bit(image: np.ndarray, scaling: Scaling, reflectance_range: Sequence[float]) -> np.ndarray:
    """[3, H, W] raster values -> uint8 [H, W, 3].

    - ``patch_max``: divided by the patch's maximum over the bands, x 255, decimals cut off (the
      published script of the paper);
    - ``reflectance``: the two raster values of ``reflectance_range`` become 0 and 255;
    - ``percentile``: the patch's percentiles 2 and 98 over the bands become 0 and 255;
    - ``none``: 8-bit values as they are.
    """
    pixels = np.ascontiguousarray(image.transpose(1, 2, 0))
    if scaling == "none":
        return pixels
    if scaling == "patch_max":
        return _applied(_shares_of_maximum, pixels, 0.0, float(pixels.max()))
    low, high = reflectance_range if scaling == "reflectance" else _spread(pixels)
    return _applied(_stretched, pixels, low, high)


def _applied(scale: Scale, pixels: np.ndarray, low: float, high: float) -> np.ndarray:
    """``scale`` of each pixel; of unsigned values through a table of all that occur.

    The table holds what ``scale`` gives, so the result is the same to the bit, for a quarter of
    the time. Arrow's look-up takes 16-bit indices as they are, where numpy widens them to 64.
    """
    if pixels.dtype not in (np.uint8, np.uint16):
        return scale(pixels, low, high)
    table = scale(np.arange(int(pixels.max()) + 1, dtype=pixels.dtype), low, high)
    taken = pc.take(_arrow(table), _arrow(pixels), boundscheck=False)
    return np.frombuffer(taken.buffers()[1], np.uint8, pixels.size).reshape(pixels.shape)


def _arrow(values: np.ndarray) -> pa.Array:
    """The same memory as an Arrow array; pyarrow.array would import pandas for this."""
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, values.size, [None, pa.py_buffer(values)])


def _shares_of_maximum(pixels: np.ndarray, low: float, high: float) -> np.ndarray:
    return (np.clip(pixels, low, None) / (high if high > 0 else 1.0) * 255).astype(np.uint8)


def _stretched(pixels: np.ndarray, low: float, high: float) -> np.ndarray:
    scaled = (pixels.astype(np.float64) - low) / (high - low) * 255
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def _spread(pixels: np.ndarray) -> tuple[float, float]:
    if pixels.dtype in (np.uint8, np.uint16):
        low, high = (_percentile_of_counts(np.bincount(pixels.ravel()), q) for q in PERCENTILES)
    else:
        low, high = (float(v) for v in np.percentile(pixels, PERCENTILES))
    return low, high if high > low else low + 1


def _percentile_of_counts(counts: np.ndarray, percent: float) -> float:
    """numpy.percentile of whole numbers, from how often each occurs: no sorting.

    Between two ranks numpy interpolates from the nearer one; so does this, to the bit.
    """
    upto = np.cumsum(counts)
    place = (int(upto[-1]) - 1) * (percent / 100)
    rank = math.floor(place)
    below, above = np.searchsorted(upto, (rank, min(rank + 1, int(upto[-1]) - 1)), side="right")
    part, gap = place - rank, float(above) - float(below)
    return float(above) - gap * (1 - part) if part >= 0.5 else float(below) + gap * part
