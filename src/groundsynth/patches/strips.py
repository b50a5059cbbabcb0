"""Strips of an imagery raster, one for each row of the patch grid, read ahead in a thread.

A strip overlaps with blocks of the files that its neighbours need too: GDAL's cache holds them,
so that each block is decoded once (with GDAL's own threads), while the strips before are cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from rasterio.io import DatasetReader

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.landcover import UNLABELLED, Legend
from groundsynth.patches.align import codes_on_imagery
from groundsynth.patches.filters import labels_missing
from groundsynth.sources.rasters import read_pixels

AHEAD_BYTES = 256 << 20
"""Most memory for strips that are read ahead."""
Item = TypeVar("Item")


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
class Strip:
    """One row of the patch grid."""

    row: int
    image: np.ndarray | None
    """[size, width, 3] raster values; None where no patch is labelled everywhere."""
    mask: np.ndarray
    """uint8 [size, width] class indices, UNLABELLED where nothing is known."""
    labelled: tuple[bool, ...]
    """Of each patch from left to right: whether all its pixels are labelled."""


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


def strips(source: DatasetReader, cover: DatasetReader | None, cutting: Cutting) -> Iterator[Strip]:
    """The strips of a raster from top to bottom.

    ``cover`` holds the labels; None: there are none. Both are read by a thread of their own:
    leave them alone until the last strip has come. Raises InputError when a raster cannot be
    read or holds codes outside the legend.
    """
    rows = grid_shape(source, cutting)[0]
    made = (read_strip(source, cover, cutting, row) for row in range(rows))
    return ahead(made, _strips_ahead(source, cutting))


def read_strip(
    source: DatasetReader, cover: DatasetReader | None, cutting: Cutting, row: int
) -> Strip:
    """One strip; errors as of ``strips``."""
    size, stride = cutting.size, cutting.stride
    columns = grid_shape(source, cutting)[1]
    width, top = (columns - 1) * stride + size, row * stride
    mask = _mask(source, cover, cutting, top, width)
    starts = range(0, columns * stride, stride)
    labelled = tuple(not labels_missing(mask[:, start : start + size]) for start in starts)
    image = read_pixels(source, cutting.bands, 0, top, width, size) if any(labelled) else None
    return Strip(row, image, mask, labelled)


def ahead(items: Iterator[Item], depth: int) -> Iterator[Item]:
    """The items of an iterator, up to ``depth`` of them made in a thread before they are asked."""
    with ThreadPoolExecutor(1) as pool:
        coming = deque(pool.submit(next, items, None) for _ in range(depth))
        try:
            while (item := coming.popleft().result()) is not None:
                coming.append(pool.submit(next, items, None))
                yield item
        finally:
            pool.shutdown(cancel_futures=True)


def _strips_ahead(source: DatasetReader, cutting: Cutting) -> int:
    """As many strips as a row of blocks holds, so that the next row is decoded meanwhile."""
    block = source.block_shapes[cutting.bands[0] - 1][0]
    value = np.dtype(source.dtypes[cutting.bands[0] - 1]).itemsize
    strip = cutting.size * source.width * (len(cutting.bands) * value + 1)
    return max(1, min(block // cutting.stride + 1, AHEAD_BYTES // strip))


def _mask(
    source: DatasetReader, cover: DatasetReader | None, cutting: Cutting, top: int, width: int
) -> np.ndarray:
    """uint8 [size, width] class indices of one strip, UNLABELLED where there are no labels."""
    if cover is None:
        return np.full((cutting.size, width), UNLABELLED, np.uint8)
    codes, covered = codes_on_imagery(source, cover, 0, top, width, cutting.size)
    return cutting.legend.encode(codes, cover.name, covered)
