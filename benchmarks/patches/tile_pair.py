"""A pair of simulated tiles laid out as the published ones: Cloud-Optimised GeoTIFFs, deflate.

Imagery: four uint16 bands (B04, B03, B02, B08), blocks of 1,024 pixels, bands interleaved by
pixel, horizontal predictor. Labels: uint8 codes on the same grid. The content is the simulated
world of groundsynth.sources, because the speed of decoding depends on what is encoded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.transform import Affine

from groundsynth.files import atomic
from groundsynth.progress import Progress
from groundsynth.sources.reflectance import BANDS, imagery
from groundsynth.sources.terrain import Window

SCALE = 12000
"""Pixels per degree: 10 m, as the published tiles."""
BLOCK = 1024
SOUTH, WEST, SEED = 39, 32, 1


@dataclass(frozen=True)
class TilePair:
    """The two files of one tile of ``pixels`` x ``pixels``."""

    imagery: Path
    labels: Path
    pixels: int


def tile_pair(folder: Path, pixels: int) -> TilePair:
    """The pair in ``folder``, written there if it is not; some minutes for 12,000 pixels."""
    pair = TilePair(folder / f"imagery_{pixels}.tif", folder / f"labels_{pixels}.tif", pixels)
    if not (pair.imagery.is_file() and pair.labels.is_file()):
        image, codes = _world(pixels)
        _write_cog(pair.labels, codes[None], ("Map",), predictor=1)
        _write_cog(pair.imagery, image, BANDS, predictor=2)
    return pair


def _world(pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """uint16 [4, pixels, pixels] reflectance and uint8 codes from the tile's north-west corner."""
    tile = Window.of_tile(SOUTH, WEST, 1, SCALE)
    window = Window(tile.column, tile.row, pixels, pixels, SCALE)
    image = np.zeros((len(BANDS), pixels, pixels), np.uint16)
    codes = np.zeros((pixels, pixels), np.uint8)
    with Progress(f"simulate {pixels} x {pixels}", pixels**2, "pixel") as progress:
        for part, (bands, cover) in _parts(window):
            rows, columns = part.slices_in(window)
            image[:, rows, columns], codes[rows, columns] = bands, cover
            progress.advance(part.height * part.width)
    return image, codes


def _parts(window: Window) -> Iterator[tuple[Window, tuple[np.ndarray, np.ndarray]]]:
    parts = list(window.parts(BLOCK))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from zip(parts, pool.map(partial(imagery, seed=SEED), parts), strict=True)


def _write_cog(path: Path, image: np.ndarray, names: tuple[str, ...], predictor: int) -> None:
    """Write [bands, height, width] at the north-west corner of the tile."""
    with (
        atomic(path) as temporary,
        rasterio.open(
            temporary,
            "w",
            driver="COG",
            count=len(image),
            height=image.shape[1],
            width=image.shape[2],
            dtype=image.dtype,
            crs=CRS.from_epsg(4326),
            transform=Affine(1 / SCALE, 0, WEST, 0, -1 / SCALE, SOUTH + 1),
            nodata=0,
            compress="DEFLATE",
            predictor=predictor,
            blocksize=BLOCK,
            overview_resampling="nearest",
            num_threads="ALL_CPUS",
        ) as target,
    ):
        target.write(image)
        target.descriptions = names
