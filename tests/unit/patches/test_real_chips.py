"""Real Sentinel-2 chips with Esri land cover, kept outside this project: skipped where absent."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from .conftest import Shard

CHIPS = Path(__file__).resolve().parents[3].parent / "shared" / "real" / "chips"
NAMES = ("282D_485L_3_3", "433D_629L_3_1", "609U_541L_3_0")
ESRI = {
    "no_data": [0, 8],
    "classes": [
        {"name": "tree", "codes": [2, 3], "color": [0, 100, 0]},
        {"name": "grass", "codes": [9], "color": [154, 205, 50]},
        {"name": "crop", "codes": [4], "color": [255, 215, 0]},
        {"name": "built-up", "codes": [5], "color": [139, 69, 19]},
        {"name": "barren", "codes": [6, 7], "color": [211, 211, 211]},
        {"name": "water", "codes": [1], "color": [0, 0, 255]},
    ],
}
INDEX = {2: 0, 3: 0, 9: 1, 4: 2, 5: 3, 6: 4, 7: 4, 1: 5}


@pytest.mark.skipif(not CHIPS.is_dir(), reason="no real chips in ../shared/real")
@pytest.mark.parametrize(("size", "across"), [(32, 7), (64, 3)])
@pytest.mark.parametrize("name", NAMES)
def test_real_chips(cut: Callable[..., Shard], name: str, size: int, across: int) -> None:
    imagery, labels = CHIPS / "imagery" / f"{name}.tif", CHIPS / "landcover" / f"{name}.tif"
    shard = cut(
        [imagery],
        labels,
        shard=name,
        legend=ESRI,
        size=size,
        stride=size,
        scaling="none",
        max_water_percent=100,
    )
    assert shard.counts[name]["candidates"] == across**2 == len(shard.ids)
    with rasterio.open(imagery) as picture, rasterio.open(labels) as cover:
        bands, codes, crs = picture.read(), cover.read(1), picture.crs.to_string()
    for number, patch_id in enumerate(shard.ids):
        row, column = (int(part) * size for part in patch_id.rsplit("_", 2)[1:])
        place = np.s_[row : row + size, column : column + size]
        np.testing.assert_array_equal(shard.images[number], bands[:, *place].transpose(1, 2, 0))
        np.testing.assert_array_equal(
            shard.masks[number], np.vectorize(INDEX.get)(codes[place]).astype(np.uint8)
        )
    assert set(shard.index.column("crs").to_pylist()) == {crs}
