"""Raster values to 8 bit, by one of four rules; a patch is scaled by itself, never by its tile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from groundsynth.errors import ConfigurationError

Scaling = Literal["patch_max", "reflectance", "percentile", "none"]
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
    pixels = np.moveaxis(image, 0, -1)
    if scaling == "none":
        return np.ascontiguousarray(pixels)
    if scaling == "patch_max":
        highest = float(pixels.max())
        scaled = np.clip(pixels, 0, None) / (highest if highest > 0 else 1.0) * 255
        return scaled.astype(np.uint8)
    low, high = reflectance_range if scaling == "reflectance" else _spread(pixels)
    scaled = (pixels.astype(np.float64) - low) / (high - low) * 255
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def _spread(pixels: np.ndarray) -> tuple[float, float]:
    low, high = (float(v) for v in np.percentile(pixels, PERCENTILES))
    return low, high if high > low else low + 1
