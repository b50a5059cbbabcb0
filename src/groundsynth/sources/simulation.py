"""Simulated Sentinel-2 and WorldCover tiles with the layout of the real files.

A demo and a test bed without network: one world for each seed, every tile a window of it, so
that tiles meet at their edges and imagery and labels agree pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.transform import Affine

from groundsynth.errors import ConfigurationError
from groundsynth.files import atomic
from groundsynth.progress import Progress
from groundsynth.sources.grid import LABEL_TILE_DEGREES, parse_tile
from groundsynth.sources.landscape import NO_DATA, WATER, codes
from groundsynth.sources.receipt import write_absent, write_receipt
from groundsynth.sources.reflectance import BANDS, imagery
from groundsynth.sources.terrain import Window

SMALLEST, LARGEST = 32, 12000
PART = 1024
"""Pixels of a part's side: about 200 MB of fields at a time."""


def simulate_imagery(
    *, tile: str, pixels_per_degree: int, seed: int, output: Path, receipt: Path
) -> None:
    """Write a simulated Sentinel-2 composite of one 1-degree tile.

    ``output``: GeoTIFF (COG, EPSG:4326) with the bands B04, B03, B02, B08 as uint16 reflectance
    x 10,000, 0 where nothing was seen. A tile that is all ocean gets an empty file, and
    ``present`` false in the ``receipt`` (JSON: tile, present, bytes, sha256, origin).
    Raises ConfigurationError for a bad tile name or resolution.
    """
    window = _window(tile, 1, pixels_per_degree)
    image = np.zeros((len(BANDS), window.height, window.width), np.uint16)
    present = False
    for part, rows, columns in _parts(window, f"simulate imagery {tile}"):
        image[:, rows, columns], code = imagery(part, seed)
        present = present or _has_land(code)
    if present:
        _write_cog(output, image, window, BANDS, predictor=2)
    else:
        write_absent(output)
    write_receipt(tile, f"simulated, seed {seed}", output, receipt)


def simulate_labels(
    *, tile: str, pixels_per_degree: int, seed: int, output: Path, receipt: Path
) -> None:
    """Write the simulated WorldCover map of one 3-degree tile.

    ``output``: GeoTIFF (COG, EPSG:4326) of uint8 WorldCover codes, 0 = no data, on the grid of
    the simulated imagery. A tile that is all ocean gets an empty file, and ``present`` false in
    the ``receipt`` (JSON: tile, present, bytes, sha256, origin).
    Raises ConfigurationError for a bad tile name or resolution.
    """
    latitude, longitude = parse_tile(tile)
    if latitude % LABEL_TILE_DEGREES or longitude % LABEL_TILE_DEGREES:
        raise ConfigurationError(
            f"{tile} is no label tile; their latitudes and longitudes are multiples of "
            f"{LABEL_TILE_DEGREES} degrees."
        )
    window = _window(tile, LABEL_TILE_DEGREES, pixels_per_degree)
    code = np.zeros((window.height, window.width), np.uint8)
    for part, rows, columns in _parts(window, f"simulate labels {tile}"):
        code[rows, columns] = codes(part, seed)
    if _has_land(code):
        _write_cog(output, code[None], window, ("Map",), predictor=1)
    else:
        write_absent(output)
    write_receipt(tile, f"simulated, seed {seed}", output, receipt)


def _parts(window: Window, what: str) -> Iterator[tuple[Window, slice, slice]]:
    """The window in parts that fit into little memory, with their place in it."""
    with Progress(what, window.height * window.width, "pixel") as progress:
        for part in window.parts(PART):
            yield part, *part.slices_in(window)
            progress.advance(part.height * part.width)


def _has_land(code: np.ndarray) -> bool:
    return not bool(np.isin(code, (WATER, NO_DATA)).all())


def _window(tile: str, degrees: int, pixels_per_degree: int) -> Window:
    if not SMALLEST <= pixels_per_degree <= LARGEST:
        raise ConfigurationError(
            f"The simulation cannot give {pixels_per_degree} pixels per degree; choose a number "
            f"from {SMALLEST} to {LARGEST}."
        )
    latitude, longitude = parse_tile(tile)
    return Window.of_tile(latitude, longitude, degrees, pixels_per_degree)


def _write_cog(
    path: Path, image: np.ndarray, window: Window, names: tuple[str, ...], predictor: int
) -> None:
    """Write [bands, height, width] as a Cloud-Optimised GeoTIFF with no data 0, atomically."""
    west, north = window.column / window.scale - 180, 90 - window.row / window.scale
    with (
        atomic(path) as temporary,
        rasterio.open(
            temporary,
            "w",
            driver="COG",
            count=len(image),
            height=window.height,
            width=window.width,
            dtype=image.dtype,
            crs=CRS.from_epsg(4326),
            transform=Affine(1 / window.scale, 0, west, 0, -1 / window.scale, north),
            nodata=NO_DATA,
            compress="DEFLATE",
            predictor=predictor,
            blocksize=512,
            overview_resampling="nearest",
        ) as target,
    ):
        target.write(image)
        target.descriptions = names
