"""Opening and reading georeferenced rasters, with errors that name the file and the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from groundsynth.errors import InputError


def is_absent(path: Path) -> bool:
    """Whether a tile does not exist at its source: its file is there and empty."""
    if not path.is_file():
        raise InputError(f"{path} is missing; run the stage that writes it, or correct the path.")
    return path.stat().st_size == 0


@contextmanager
def _reported(path: str | Path) -> Iterator[None]:
    try:
        yield
    except RasterioError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise InputError(
            f"{path} is truncated or no raster that GDAL can read ({reason}); fetch or write it "
            "again."
        ) from None


@contextmanager
def _open(path: Path) -> Iterator[DatasetReader]:
    with _reported(path):
        dataset = rasterio.open(path)
    with dataset:
        if dataset.crs is None:
            raise InputError(
                f"{path} has no coordinate reference system; assign one, for example with "
                "'rio edit-info --crs EPSG:32637 FILE'."
            )
        if dataset.transform.is_identity:
            raise InputError(
                f"{path} has no geotransform (neither corner nor pixel size); georeference it."
            )
        yield dataset


@contextmanager
def open_imagery(path: Path, bands: Sequence[int]) -> Iterator[DatasetReader]:
    """Open an imagery raster that has the ``bands`` (counted from 1); else InputError."""
    with _open(path) as dataset:
        if max(bands) > dataset.count or min(bands) < 1:
            raise InputError(
                f"{path} has {dataset.count} bands, but the bands {list(bands)} are asked for; "
                "give the numbers (from 1) of red, green and blue."
            )
        yield dataset


@contextmanager
def open_labels(path: Path) -> Iterator[DatasetReader]:
    """Open a land-cover raster: one band of whole numbers; else InputError."""
    with _open(path) as dataset:
        if dataset.count != 1:
            raise InputError(
                f"{path} has {dataset.count} bands, but a land-cover raster has one band of class "
                "codes; give the raster of codes, not a coloured picture of it."
            )
        if not np.issubdtype(np.dtype(dataset.dtypes[0]), np.integer):
            raise InputError(
                f"{path} holds {dataset.dtypes[0]} values, but land-cover codes are whole "
                "numbers; convert it to an integer type."
            )
        yield dataset


def read(
    dataset: DatasetReader,
    bands: int | Sequence[int],
    column: int,
    row: int,
    width: int,
    height: int,
) -> np.ndarray:
    """Read a window in pixels: [height, width] of one band, [bands, height, width] of a list."""
    wanted = bands if isinstance(bands, int) else list(bands)
    with _reported(dataset.name):
        array: np.ndarray = dataset.read(wanted, window=Window(column, row, width, height))
    return array


def read_pixels(
    dataset: DatasetReader, bands: Sequence[int], column: int, row: int, width: int, height: int
) -> np.ndarray:
    """Read a window in pixels as [height, width, bands], the order in which images are written."""
    pixels = np.empty((height, width, len(bands)), dataset.dtypes[bands[0] - 1])
    window = Window(column, row, width, height)
    with _reported(dataset.name):
        dataset.read(list(bands), window=window, out=np.moveaxis(pixels, -1, 0))
    return pixels


def require_overlap(imagery: DatasetReader, labels: DatasetReader) -> None:
    """InputError unless the two rasters cover some common ground."""
    with _reported(imagery.name):
        ours = transform_bounds(imagery.crs, labels.crs, *_bounds(imagery))
    theirs = _bounds(labels)
    if any(min(ours[i + 2], theirs[i + 2]) <= max(ours[i], theirs[i]) for i in (0, 1)):
        raise InputError(
            f"{imagery.name} and {labels.name} do not overlap; give the land-cover raster of the "
            "same place."
        )


def _bounds(dataset: DatasetReader) -> tuple[float, float, float, float]:
    """West, south, east, north, also of a raster whose first row is the southernmost."""
    left, bottom, right, top = dataset.bounds
    return min(left, right), min(bottom, top), max(left, right), max(bottom, top)
