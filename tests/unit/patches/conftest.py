"""Generated rasters with real names, reference systems and transforms, and a way to cut them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import rasterio
from rasterio.transform import Affine

from groundsynth.patches.cut import cut_patches
from groundsynth.shards import open_array
from groundsynth.tables import read_table

LEGEND: dict[str, Any] = {
    "no_data": [0],
    "classes": [
        {"name": "tree", "codes": [10, 90, 95], "color": [0, 100, 0]},
        {"name": "shrub", "codes": [20], "color": [255, 182, 193]},
        {"name": "grass", "codes": [30, 100], "color": [154, 205, 50]},
        {"name": "crop", "codes": [40], "color": [255, 215, 0]},
        {"name": "built-up", "codes": [50], "color": [139, 69, 19]},
        {"name": "barren", "codes": [60, 70], "color": [211, 211, 211]},
        {"name": "water", "codes": [80], "color": [0, 0, 255]},
    ],
}
SETTINGS: dict[str, Any] = {
    "shard": "N36E030",
    "legend": LEGEND,
    "size": 16,
    "stride": 16,
    "bands": [1, 2, 3],
    "scaling": "reflectance",
    "reflectance_range": [0, 3000],
    "water_class": "water",
    "max_water_percent": 90,
    "imagery_no_data": None,
    "year": 2021,
    "threads": 2,
    "split_method": "random",
    "split_fractions": {"train": 0.8, "validation": 0.1, "test": 0.1},
    "split_seed": 42,
    "split_block_degrees": None,
    "split_block_distance_metres": 0,
}


@dataclass
class Shard:
    """What cutting one shard wrote."""

    images: np.ndarray
    masks: np.ndarray
    index: pa.Table
    counts: dict[str, Any]

    @property
    def ids(self) -> list[str]:
        """Patch ids in the order of the rows."""
        found: list[str] = self.index.column("patch_id").to_pylist()
        return found


def write_raster(
    path: Path, array: np.ndarray, transform: Affine, crs: str | None, nodata: float | None = None
) -> Path:
    """Write [bands, height, width] (or [height, width]) as a GeoTIFF."""
    bands = array if array.ndim == 3 else array[None]
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(bands),
        height=bands.shape[1],
        width=bands.shape[2],
        dtype=bands.dtype,
        crs=crs,
        transform=transform,
        nodata=nodata,
    ) as target:
        target.write(bands)
    return path


@pytest.fixture
def cut(tmp_path: Path) -> Callable[..., Shard]:
    """Cut a shard into a folder and read back what was written; settings by keyword."""

    def run(imagery: list[Path], labels: Path, folder: str = "patches", **changed: Any) -> Shard:
        out = tmp_path / folder
        options = {**SETTINGS, **changed}
        paths: dict[str, Any] = {
            "images": out / "s.images.npy",
            "masks": out / "s.masks.npy",
            "index": out / "s.index.parquet",
            "counts": out / "s.counts.json",
        }
        cut_patches(imagery=imagery, labels=labels, **options, **paths)
        return Shard(
            open_array(paths["images"], 4),
            open_array(paths["masks"], 3),
            read_table(paths["index"], "real_index"),
            json.loads(paths["counts"].read_text()),
        )

    return run


SCALE = 100
"""Pixels per degree of the generated WorldCover tiles."""


@dataclass
class Tiles:
    """A generated label tile with two of its imagery tiles, and their arrays."""

    folder: Path
    labels: Path
    imagery: list[Path]
    codes: np.ndarray
    bands: dict[str, np.ndarray]


@pytest.fixture
def tiles(tmp_path: Path) -> Tiles:
    """Label tile N36E030 with the imagery tiles N36E030 and N38E032 (corners of the label tile)."""
    generator = np.random.default_rng(7)
    codes = generator.choice(np.array([10, 20, 30, 40, 50, 60, 95], np.uint8), (300, 300))
    labels = write_raster(
        tmp_path / "labels" / "N36E030.tif",
        codes,
        Affine(1 / SCALE, 0, 30, 0, -1 / SCALE, 39),
        "EPSG:4326",
        nodata=0,
    )
    bands, imagery = {}, []
    for name, west, north in (("N36E030", 30, 37), ("N38E032", 32, 39)):
        bands[name] = generator.integers(1, 3000, (4, SCALE, SCALE)).astype(np.uint16)
        imagery.append(
            write_raster(
                tmp_path / "imagery" / f"{name}.tif",
                bands[name],
                Affine(1 / SCALE, 0, west, 0, -1 / SCALE, north),
                "EPSG:4326",
                nodata=0,
            )
        )
    return Tiles(tmp_path, labels, imagery, codes, bands)
