"""Land-cover codes on the grid of an imagery raster, by coordinates.

Where both rasters share a grid (equal reference system and pixel size, corners a whole number of
pixels apart) the codes are copied by window; elsewhere each imagery pixel takes the code of the
label pixel that its centre falls into (nearest neighbour).
"""

from __future__ import annotations

import numpy as np
import rasterio
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject

from groundsynth.sources.rasters import read

UNCOVERED = -1
SAME_GRID = 0.01
"""Largest deviation, in pixels, of two grids that count as one."""


def shared_offset(imagery: DatasetReader, labels: DatasetReader) -> tuple[int, int] | None:
    """(columns, rows) from the labels' corner to the imagery's, or None if the grids differ."""
    if imagery.crs != labels.crs:
        return None
    to_labels = ~labels.transform * imagery.transform
    column, row = round(to_labels.c), round(to_labels.f)
    for x, y in ((0, 0), (imagery.width, 0), (0, imagery.height), (imagery.width, imagery.height)):
        found_x, found_y = to_labels * (x, y)
        if max(abs(found_x - x - column), abs(found_y - y - row)) > SAME_GRID:
            return None
    return column, row


def codes_on_imagery(
    imagery: DatasetReader, labels: DatasetReader, column: int, row: int, width: int, height: int
) -> np.ndarray:
    """int32 [height, width] codes for a window (pixels) of the imagery's grid.

    UNCOVERED (-1) where the labels do not reach or hold the file's own no-data value. Raises
    InputError when the label file cannot be read.
    """
    offset = shared_offset(imagery, labels)
    if offset is None:
        return _warped(imagery, labels, column, row, width, height)
    return _copied(labels, column + offset[0], row + offset[1], width, height)


def _copied(labels: DatasetReader, column: int, row: int, width: int, height: int) -> np.ndarray:
    codes = np.full((height, width), UNCOVERED, np.int32)
    left, top = max(column, 0), max(row, 0)
    right, bottom = min(column + width, labels.width), min(row + height, labels.height)
    if left < right and top < bottom:
        part = read(labels, 1, left, top, right - left, bottom - top).astype(np.int32)
        if labels.nodata is not None:
            part[part == labels.nodata] = UNCOVERED
        codes[top - row : bottom - row, left - column : right - column] = part
    return codes


def _warped(
    imagery: DatasetReader, labels: DatasetReader, column: int, row: int, width: int, height: int
) -> np.ndarray:
    codes = np.full((height, width), UNCOVERED, np.int32)
    reproject(
        rasterio.band(labels, 1),
        codes,
        dst_transform=imagery.transform * Affine.translation(column, row),
        dst_crs=imagery.crs,
        src_nodata=labels.nodata,
        dst_nodata=UNCOVERED,
        resampling=Resampling.nearest,
        tolerance=0,
    )
    return codes
