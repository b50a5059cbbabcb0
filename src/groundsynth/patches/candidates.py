"""The candidates of one imagery raster, strip by strip: image, mask, and why not to keep it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rasterio.io import DatasetReader

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.landcover import UNLABELLED, Legend
from groundsynth.patches.align import UNCOVERED, codes_on_imagery
from groundsynth.patches.filters import (
    IMAGERY_MISSING,
    LABELS_MISSING,
    WATER,
    imagery_missing,
    labels_missing,
    mostly_water,
)
from groundsynth.sources.rasters import read


@dataclass(frozen=True)
class Cutting:
    """How patches are cut and which are kept; ``size`` and ``stride`` in pixels."""

    legend: Legend
    size: int
    stride: int
    bands: tuple[int, ...]
    water: int | None
    max_water_percent: float
    imagery_no_data: float | None

    def __post_init__(self) -> None:
        if self.size < 1 or self.stride < 1:
            raise ConfigurationError(
                f"A patch size of {self.size} and a stride of {self.stride} pixels are none; give "
                "1 or more."
            )
        if len(self.bands) != 3:
            raise ConfigurationError(
                f"The bands {list(self.bands)} are not three; give the numbers (from 1) of red, "
                "green and blue."
            )


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


def grid_shape(source: DatasetReader, cutting: Cutting) -> tuple[int, int]:
    """Rows and columns of whole patches on a raster; InputError when not even one fits."""
    height, width = source.shape
    if cutting.size > min(height, width):
        raise InputError(
            f"{source.name} has {width} x {height} pixels, too few for a patch of {cutting.size} "
            f"x {cutting.size}; choose a smaller patch size or a larger raster."
        )
    return (
        (height - cutting.size) // cutting.stride + 1,
        (width - cutting.size) // cutting.stride + 1,
    )


def strip(
    source: DatasetReader, cover: DatasetReader | None, cutting: Cutting, row: int
) -> Iterator[Candidate]:
    """The candidates of one row of the patch grid, from left to right.

    ``cover`` holds the labels; None: there are none. Memory holds one strip of the raster.
    Raises InputError when a raster cannot be read or holds codes outside the legend.
    """
    size, stride = cutting.size, cutting.stride
    columns = grid_shape(source, cutting)[1]
    width, top = (columns - 1) * stride + size, row * stride
    mask = _mask(source, cover, cutting, top, width)
    parts = [mask[:, c * stride : c * stride + size] for c in range(columns)]
    unlabelled = [labels_missing(part) for part in parts]
    image = None
    if not all(unlabelled):
        image = read(source, cutting.bands, 0, top, width, size)
    for column, part in enumerate(parts):
        if unlabelled[column] or image is None:
            yield Candidate(row, column, None, part, LABELS_MISSING)
            continue
        seen = image[:, :, column * stride : column * stride + size]
        yield Candidate(row, column, seen, part, _reason(seen, part, cutting))


def _reason(image: np.ndarray, mask: np.ndarray, cutting: Cutting) -> str | None:
    if imagery_missing(image, cutting.imagery_no_data):
        return IMAGERY_MISSING
    if mostly_water(mask, cutting.water, cutting.max_water_percent):
        return WATER
    return None


def _mask(
    source: DatasetReader, cover: DatasetReader | None, cutting: Cutting, top: int, width: int
) -> np.ndarray:
    """uint8 [size, width] class indices of one strip, UNLABELLED where there are no labels."""
    mask = np.full((cutting.size, width), UNLABELLED, np.uint8)
    if cover is not None:
        codes = codes_on_imagery(source, cover, 0, top, width, cutting.size)
        covered = codes != UNCOVERED
        mask[covered] = cutting.legend.encode(codes[covered], cover.name)
    return mask
