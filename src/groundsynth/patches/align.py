"""Land-cover codes on the grid of an imagery raster, by coordinates.

Where both rasters share a grid (equal reference system and pixel size, corners a whole number of
pixels apart) the codes are copied by window; elsewhere each imagery pixel takes the code of the
label pixel that its centre falls into. The centres are projected one by one: the approximation
that raster warping makes along a line would depend on the window. That is done for some columns
of the imagery after others: the labels under a whole row of patches may fill a box as large as
the raster, where the grids are rotated, or a hundred times the pixels, where the labels are finer.
"""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import numpy as np
from pyproj import Transformer
from rasterio.io import DatasetReader
from rasterio.transform import Affine

from groundsynth.sources.rasters import read

Place = TypeVar("Place", float, np.ndarray)
SAME_GRID = 0.01
"""Largest deviation, in pixels, of two grids that count as one."""
PART = 1024
"""Columns of the imagery for which labels of another grid are read at once."""


def shared_offset(imagery: DatasetReader, labels: DatasetReader) -> tuple[int, int] | None:
    """(columns, rows) from the labels' corner to the imagery's, or None if the grids differ."""
    if imagery.crs != labels.crs:
        return None
    offsets = []
    for x, y in ((0, 0), (imagery.width, 0), (0, imagery.height), (imagery.width, imagery.height)):
        label_x, label_y = mapped(~labels.transform, *mapped(imagery.transform, x, y))
        offsets.append((label_x - x, label_y - y))
    column, row = (round(offset) for offset in offsets[0])
    if any(max(abs(x - column), abs(y - row)) > SAME_GRID for x, y in offsets):
        return None
    return column, row


def mapped(transform: Affine, x: Place, y: Place) -> tuple[Place, Place]:
    """Places (column and row, or coordinates) under an affine map."""
    return (
        transform.a * x + transform.b * y + transform.c,
        transform.d * x + transform.e * y + transform.f,
    )


def window_transforms(transform: Affine, columns: np.ndarray, row: int) -> np.ndarray:
    """float64 [N, 6]: transforms of windows with their upper left pixels at ``columns``, ``row``.

    In the order of rasterio's Affine: a, b, x of the corner, d, e, y of the corner.
    """
    x, y = mapped(transform, columns.astype(np.float64), np.full(len(columns), float(row)))
    slopes = [transform.a, transform.b, 0, transform.d, transform.e, 0]
    windows = np.tile(np.array(slopes, np.float64), (len(columns), 1))
    windows[:, 2], windows[:, 5] = x, y
    return windows


def codes_on_imagery(
    imagery: DatasetReader, labels: DatasetReader, column: int, row: int, width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Codes for a window (pixels) of the imagery's grid, and where there are any.

    Whole numbers [height, width] of the file's type, and bool [height, width]: False where the
    labels do not reach or hold the file's own no-data value (the code is then without meaning).
    Raises InputError when the label file cannot be read.
    """
    offset = shared_offset(imagery, labels)
    if offset is not None:
        return _window(labels, column + offset[0], row + offset[1], width, height)
    parts = [
        _codes_by_places(imagery, labels, left, row, min(PART, column + width - left), height)
        for left in range(column, column + width, PART)
    ]
    codes, covered = zip(*parts, strict=True)
    return np.concatenate(codes, axis=1), np.concatenate(covered, axis=1)


def _codes_by_places(
    imagery: DatasetReader, labels: DatasetReader, column: int, row: int, width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """As ``codes_on_imagery``, each pixel's centre looked up in one window of the labels."""
    x, y = _label_places(imagery, labels, column, row, width, height)
    codes = np.zeros((height, width), labels.dtypes[0])
    inside = (x >= 0) & (x < labels.width) & (y >= 0) & (y < labels.height)
    if inside.any():
        columns, rows = x[inside].astype(np.int64), y[inside].astype(np.int64)
        left, top = int(columns.min()), int(rows.min())
        right, bottom = int(columns.max()) + 1, int(rows.max()) + 1
        part, known = _window(labels, left, top, right - left, bottom - top)
        codes[inside] = part[rows - top, columns - left]
        inside[inside] = known[rows - top, columns - left]
    return codes, inside


def _window(
    labels: DatasetReader, column: int, row: int, width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and coverage of a window (pixels) of the labels' own grid, which may reach beyond."""
    left, top = max(column, 0), max(row, 0)
    right, bottom = min(column + width, labels.width), min(row + height, labels.height)
    codes = np.zeros((height, width), labels.dtypes[0])
    covered = np.zeros((height, width), bool)
    if left < right and top < bottom:
        inside = slice(top - row, bottom - row), slice(left - column, right - column)
        codes[inside] = read(labels, 1, left, top, right - left, bottom - top)
        covered[inside] = True if labels.nodata is None else codes[inside] != labels.nodata
    return codes, covered


def _label_places(
    imagery: DatasetReader, labels: DatasetReader, column: int, row: int, width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """float64 [height, width]: columns and rows of the labels under the pixel centres."""
    pixel_x, pixel_y = np.meshgrid(column + np.arange(width) + 0.5, row + np.arange(height) + 0.5)
    east, north = mapped(imagery.transform, pixel_x, pixel_y)
    if imagery.crs != labels.crs:
        east, north = _projection(imagery.crs.to_wkt(), labels.crs.to_wkt()).transform(east, north)
    return mapped(~labels.transform, east, north)


@cache
def _projection(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)
