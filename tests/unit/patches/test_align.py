"""Labels on the imagery's grid against a computation from coordinates, pixel by pixel."""

from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.transform import Affine

from groundsynth.errors import InputError
from groundsynth.patches import align
from groundsynth.patches.align import codes_on_imagery, shared_offset
from groundsynth.sources.rasters import open_imagery, open_labels, read

from .conftest import write_raster

UNCOVERED = -1
UTM = "EPSG:32636"
WGS = "EPSG:4326"
IMAGERY_UTM = Affine(10, 0, 450000, 0, -10, 4200000)


def by_coordinates(
    imagery: Path, codes: np.ndarray, transform: Affine, crs: str, nodata: int | None
) -> np.ndarray:
    """The label pixel that each imagery pixel's centre falls into; -1 outside."""
    with rasterio.open(imagery) as source:
        columns, rows = np.meshgrid(np.arange(source.width) + 0.5, np.arange(source.height) + 0.5)
        a, b, c, d, e, f = list(source.transform)[:6]
        x, y = a * columns + b * rows + c, d * columns + e * rows + f
        project = pyproj.Transformer.from_crs(source.crs.to_string(), crs, always_xy=True)
    x, y = project.transform(x, y)
    a, b, c, d, e, f = list(transform)[:6]
    x, y, area = x - c, y - f, a * e - b * d
    column = np.floor((e * x - b * y) / area).astype(int)
    row = np.floor((a * y - d * x) / area).astype(int)
    height, width = codes.shape
    codes = codes.astype(int)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    found = np.where(inside, codes[row.clip(0, height - 1), column.clip(0, width - 1)], UNCOVERED)
    return found if nodata is None else np.where(found == nodata, UNCOVERED, found)


def covered_codes(*arguments: Any) -> np.ndarray:
    codes, covered = codes_on_imagery(*arguments)
    return np.where(covered, codes.astype(int), UNCOVERED)


CODES = np.random.default_rng(3).integers(1, 100, (90, 110)).astype(np.uint8)
EXACT = 1 / 128
"""Degrees of a pixel whose halves are exact in binary: centres fall on edges without rounding."""
CASES = {
    "same grid": (WGS, Affine(0.01, 0, 30, 0, -0.01, 37), Affine(0.01, 0, 29.83, 0, -0.01, 37.2)),
    "same pixels, shifted": (
        WGS,
        Affine(0.01, 0, 30, 0, -0.01, 37),
        Affine(0.01, 0, 29.8337, 0, -0.01, 37.2013),
    ),
    "coarser": (
        WGS,
        Affine(0.01, 0, 30, 0, -0.01, 37),
        Affine(0.0371, 0, 28.0037, 0, -0.0313, 38.0007),
    ),
    "finer": (
        WGS,
        Affine(0.01, 0, 30, 0, -0.01, 37),
        Affine(0.00713, 0, 29.9001, 0, -0.00631, 37.0301),
    ),
    "half a pixel to the east": (
        WGS,
        Affine(EXACT, 0, 30, 0, -EXACT, 37),
        Affine(EXACT, 0, 30 - 20.5 * EXACT, 0, -EXACT, 37),
    ),
    "half a pixel to the south": (
        WGS,
        Affine(EXACT, 0, 30, 0, -EXACT, 37),
        Affine(EXACT, 0, 30, 0, -EXACT, 37 + 10.5 * EXACT),
    ),
    "labels of a part": (
        WGS,
        Affine(0.01, 0, 30, 0, -0.01, 37),
        Affine(0.0071, 0, 30.300313, 0, -0.0061, 36.800117),
    ),
    "both south up": (
        WGS,
        Affine(0.01, 0, 30, 0, 0.01, 36),
        Affine(0.0123, 0, 29.9001, 0, 0.0117, 35.9003),
    ),
    "imagery south up, other system": (
        UTM,
        Affine(10, 0, 450000, 0, 10, 4199300),
        Affine(0.0001, 0, 32.428, 0, -0.0001, 37.949),
    ),
    "labels rotated": (
        WGS,
        Affine(0.01, 0, 30, 0, -0.01, 37),
        Affine(0.009, 0.004, 29.8003, 0.004, -0.009, 36.9001),
    ),
    "south up": (WGS, Affine(0.01, 0, 30, 0, -0.01, 37), Affine(0.01, 0, 29.9, 0, 0.01, 36.2)),
    "rotated": (
        UTM,
        Affine(8, 3, 450000, -3, 8, 4200000),
        Affine(0.0001, 0, 32.428, 0, -0.0001, 37.949),
    ),
    "other system": (UTM, IMAGERY_UTM, Affine(0.0001, 0, 32.428, 0, -0.0001, 37.949)),
}


@pytest.mark.parametrize("nodata", [None, 7])
@pytest.mark.parametrize("case", CASES)
def test_codes_follow_the_coordinates(tmp_path: Path, case: str, nodata: int | None) -> None:
    crs, place, label_place = CASES[case]
    bands = np.ones((3, 70, 80), np.uint16)
    imagery = write_raster(tmp_path / "imagery.tif", bands, place, crs)
    labels = write_raster(tmp_path / "labels.tif", CODES, label_place, WGS, nodata)
    expected = by_coordinates(imagery, CODES, label_place, WGS, nodata)
    assert (expected != UNCOVERED).mean() > 0.1
    with open_imagery(imagery, [1]) as source, open_labels(labels) as cover:
        assert (shared_offset(source, cover) is not None) == (case == "same grid")
        whole = covered_codes(source, cover, 0, 0, 80, 70)
        window = covered_codes(source, cover, 13, 20, 40, 31)
    np.testing.assert_array_equal(whole, expected)
    np.testing.assert_array_equal(window, expected[20:51, 13:53])


@pytest.mark.parametrize(("finer", "degrees"), [(10, 0), (1, 30), (2, -75)])
def test_wide_rasters_are_read_in_windows_of_bounded_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finer: int, degrees: int
) -> None:
    """Labels that are finer or rotated (about the imagery's middle), as wide as the imagery."""
    width, height, reach = 3500, 8, 3600 * finer
    place = Affine(10, 0, 450000, 0, -10, 4200000)
    middle = place @ Affine.translation(width / 2 + 0.13, height / 2 + 0.17)
    label_height = round((width if degrees else height) * finer * 1.03)
    label_place = middle @ Affine.rotation(degrees) @ Affine.scale(1 / finer)
    label_place = label_place @ Affine.translation(-reach / 2, -label_height / 2)
    codes = np.random.default_rng(4).integers(1, 100, (label_height, reach)).astype(np.uint8)
    bands = np.ones((1, height, width), np.uint8)
    imagery = write_raster(tmp_path / "imagery.tif", bands, place, UTM)
    labels = write_raster(tmp_path / "labels.tif", codes, label_place, UTM)
    sides: list[int] = []

    def noted(dataset: Any, band: int, *window: int) -> np.ndarray:
        sides.extend(window[2:])
        return read(dataset, band, *window)

    monkeypatch.setattr(align, "read", noted)
    with open_imagery(imagery, [1]) as source, open_labels(labels) as cover:
        found = covered_codes(source, cover, 0, 0, width, height)
    assert 0 < max(sides) < finer * (1024 + height) + 2
    expected = by_coordinates(imagery, codes, label_place, UTM, None)
    assert (expected != UNCOVERED).all()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("per_degree", [12000, 700, 333])
def test_offsets_of_tiles_of_one_grid(tmp_path: Path, per_degree: int) -> None:
    step, ones = 1 / per_degree, np.ones((6, 6), np.uint8)
    labels = write_raster(tmp_path / "l.tif", ones, Affine(step, 0, 30, 0, -step, 39), WGS)
    for column in range(0, 3 * per_degree, per_degree // 7):
        place = Affine(step, 0, 30 + column * step, 0, -step, 39 - 2 * column * step)
        imagery = write_raster(tmp_path / "i.tif", ones, place, WGS)
        with open_imagery(imagery, [1]) as source, open_labels(labels) as cover:
            assert shared_offset(source, cover) == (column, 2 * column)


def test_a_raster_without_geotransform_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plain.tif"
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(
            path, "w", driver="GTiff", count=1, height=4, width=4, dtype="uint8", crs=WGS
        ) as target,
    ):
        target.write(np.ones((1, 4, 4), np.uint8))
    with pytest.raises(InputError, match=r"plain.tif has no geotransform"), open_labels(path):
        pass
