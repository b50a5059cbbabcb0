"""The official land-cover tile of Sao Tome and Principe, kept outside this project.

The whole tile comes through the source from a local server. Imagery of four bands is simulated on
its grid: three windows of 2,560 x 2,560 pixels at the full resolution of 10 m, under the names of
their imagery tiles (whole ones would be 12,000 x 12,000), with a strip and some single pixels
without data. Drop counts are compared with counts from the raster itself.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from groundsynth.sources.worldcover import fetch_imagery, fetch_labels, imagery_key, label_key

from .conftest import Shard, write_raster

OFFICIAL = Path(__file__).resolve().parents[3].parent / "shared" / "real" / "worldcover"
SERVER = Path(__file__).resolve().parents[1] / "sources" / "tile_server.py"
LABELS, YEAR = "N00E006", 2021
SIZE, SIDE, SCALE = 256, 2560, 12_000
CORNERS = {"N00E006": (6.55, 0.42), "N00E007": (7.0, 0.5), "N01E007": (7.3, 1.72)}
"""West and north of each window, degrees: an island, the end of what was mapped, an island."""
REFLECTANCE = {10: 300, 20: 700, 30: 900, 40: 1100, 50: 1600, 60: 2000, 80: 150, 90: 500, 95: 250}

pytestmark = pytest.mark.skipif(
    not OFFICIAL.is_dir(), reason="no official WorldCover tile in ../shared/real"
)


def place_of(tile: str) -> tuple[int, int]:
    """Column and row of a window in the label tile (6 to 9 degrees east, 0 to 3 north)."""
    west, north = CORNERS[tile]
    return round((west - 6) * SCALE), round((3 - north) * SCALE)


def simulated(codes: np.ndarray, seed: int) -> np.ndarray:
    """uint16 [4, H, W]: a reflectance for each class with noise; 0 where nothing was seen."""
    values = np.zeros(256, np.uint16)
    values[list(REFLECTANCE)] = list(REFLECTANCE.values())
    values[0] = 100  # imagery is there where the map is not
    random = np.random.default_rng(seed)
    noise = random.integers(0, 60, (4, *codes.shape), dtype=np.uint16)
    bands = values[codes] + noise
    bands[:, :, 1000:1300] = 0  # a strip between two orbits
    holes = random.integers(0, codes.shape[0], (2, 6))
    bands[:, holes[0], holes[1]] = 0
    return bands


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the layout of the buckets."""
    folder = tmp_path_factory.mktemp("bucket")
    official = next(OFFICIAL.glob("*_N00E006_Map.tif"))
    (folder / label_key(LABELS, YEAR)).parent.mkdir(parents=True)
    (folder / label_key(LABELS, YEAR)).symlink_to(official)
    for seed, (tile, (west, north)) in enumerate(CORNERS.items()):
        step = 1 / SCALE
        write_raster(
            folder / imagery_key(tile, YEAR),
            simulated(codes_of(official, tile), seed),
            Affine(step, 0, west, 0, -step, north),
            "EPSG:4326",
            nodata=0,
        )
    return folder


def codes_of(official: Path, tile: str) -> np.ndarray:
    """uint8 [SIDE, SIDE] codes under a window, from the raster itself."""
    column, row = place_of(tile)
    with rasterio.open(official) as cover:
        window = rasterio.windows.Window(column, row, SIDE, SIDE)
        codes: np.ndarray = cover.read(1, window=window)
    return codes


@pytest.fixture
def address(bucket: Path) -> Iterator[str]:
    """A server of the bucket, as a process of its own."""
    with subprocess.Popen(
        [sys.executable, str(SERVER), str(bucket)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/plain"
        process.kill()


def test_drop_counts_are_those_of_the_raster(
    bucket: Path, address: str, cut: Callable[..., Shard], tmp_path: Path
) -> None:
    labels = tmp_path / "labels" / f"{LABELS}.tif"
    receipt = tmp_path / "receipt.json"
    fetch_labels(tile=LABELS, base_url=address, year=YEAR, output=labels, receipt=receipt)
    assert labels.read_bytes() == (bucket / label_key(LABELS, YEAR)).read_bytes()
    imagery = []
    for tile in [*CORNERS, "N02E008"]:  # the last is all ocean
        imagery.append(tmp_path / "imagery" / f"{tile}.tif")
        fetch_imagery(tile=tile, base_url=address, year=YEAR, output=imagery[-1], receipt=receipt)
    options = {"size": SIZE, "stride": SIZE, "imagery_no_data": 0}
    shard = cut(imagery, labels, shard=LABELS, **options)
    assert shard.counts.pop("N02E008")["candidates"] == 0
    kept, totals = [], np.zeros(6, np.int64)
    for tile in CORNERS:
        with rasterio.open(bucket / imagery_key(tile, YEAR)) as source:
            bands = source.read([1, 2, 3])
        expected, places = counted(codes_of(labels, tile), bands)
        assert shard.counts[tile] == expected
        totals += [expected["kept"], *expected["dropped"].values()]
        kept += [f"{tile}_{row:03d}_{column:03d}" for row, column in places]
    assert (totals[:4] > 0).all()  # kept, and each of the three reasons
    assert shard.ids == kept


def counted(codes: np.ndarray, bands: np.ndarray) -> tuple[dict[str, Any], list[list[int]]]:
    """Counts and kept places (row, column) with numpy alone, all patches at once."""
    across = SIDE // SIZE
    grid = (across, SIZE, across, SIZE)
    unlabelled = (codes.reshape(grid) == 0).any(axis=(1, 3))
    unseen = ((bands == 0).all(axis=0).reshape(grid)).any(axis=(1, 3)) & ~unlabelled
    much = (codes.reshape(grid) == 80).sum(axis=(1, 3)) > 0.9 * SIZE**2
    water = much & ~unlabelled & ~unseen
    kept = ~(unlabelled | unseen | water)
    dropped = {
        "labels_missing": int(unlabelled.sum()),
        "imagery_missing": int(unseen.sum()),
        "water": int(water.sum()),
        "near_other_split": 0,
        "not_listed": 0,
    }
    entry = {"candidates": across**2, "kept": int(kept.sum()), "dropped": dropped}
    return entry, np.argwhere(kept).tolist()
