"""Cutting shards: grid, ids, masks, filters, counts, and errors that name the file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
from rasterio.transform import Affine

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.tables import read_provenance

from .conftest import LEGEND, SCALE, Shard, Tiles, write_raster

Cut = Callable[..., Shard]
CLASS_OF = {10: 0, 90: 0, 95: 0, 20: 1, 30: 2, 100: 2, 40: 3, 50: 4, 60: 5, 70: 5, 80: 6}
WGS = "EPSG:4326"


def expected_mask(codes: np.ndarray) -> np.ndarray:
    return np.vectorize(CLASS_OF.get)(codes).astype(np.uint8)


def test_patches_lie_on_the_imagery_grid(cut: Cut, tiles: Tiles) -> None:
    shard = cut(tiles.imagery, tiles.labels)
    assert shard.images.shape == (72, 16, 16, 3)
    assert shard.masks.shape == (72, 16, 16)
    assert shard.ids[:7] == [*(f"N36E030_000_{c:03d}" for c in range(6)), "N36E030_001_000"]
    assert shard.ids[36:] == [f"N38E032_{r:03d}_{c:03d}" for r in range(6) for c in range(6)]
    row = shard.ids.index("N38E032_002_005")
    bands = tiles.bands["N38E032"][:3, 32:48, 80:96].astype(float)
    np.testing.assert_array_equal(
        shard.images[row], np.rint(bands / 3000 * 255).transpose(1, 2, 0).astype(np.uint8)
    )
    np.testing.assert_array_equal(
        shard.masks[row], expected_mask(tiles.codes[32:48, 200 + 80 : 200 + 96])
    )
    row = shard.ids.index("N36E030_005_001")
    np.testing.assert_array_equal(
        shard.masks[row], expected_mask(tiles.codes[200 + 80 : 200 + 96, 16:32])
    )


def test_the_index_says_where_each_patch_lies(cut: Cut, tiles: Tiles) -> None:
    shard = cut(tiles.imagery, tiles.labels)
    entry = shard.index.to_pylist()[shard.ids.index("N38E032_002_005")]
    assert (entry["tile"], entry["row"], entry["column"]) == ("N38E032", 2, 5)
    assert (entry["crs"], entry["year"], entry["scaling"]) == (WGS, 2021, "reflectance")
    assert entry["transform"] == pytest.approx([0.01, 0, 32.8, 0, -0.01, 38.68])
    frame = geopandas.read_parquet(tiles.folder / "patches" / "s.index.parquet")
    assert frame.crs.to_epsg() == 4326
    assert frame.geometry.is_valid.all()
    bounds = frame.set_index("patch_id").geometry["N38E032_002_005"].bounds
    assert bounds == pytest.approx((32.8, 38.52, 32.96, 38.68))
    record = read_provenance(tiles.folder / "patches" / "s.index.parquet")
    assert record["verb"] == "cut-patches"
    assert record["parameters"]["size"] == 16
    assert str(tiles.folder) not in json.dumps(record)


@pytest.mark.parametrize("step", [-10, 10])
def test_footprints_run_counter_clockwise_from_any_grid(
    cut: Cut, tmp_path: Path, step: float
) -> None:
    place = Affine(10, 0, 450000, 0, step, 4200000)
    bands, codes = np.ones((3, 40, 40), np.uint8), np.full((40, 40), 10, np.uint8)
    imagery = write_raster(tmp_path / "a.tif", bands, place, "EPSG:32636")
    labels = write_raster(tmp_path / "b.tif", codes, place, "EPSG:32636")
    shard = cut([imagery], labels, scaling="none")
    frame = geopandas.read_parquet(tmp_path / "patches" / "s.index.parquet")
    assert frame.geometry.exterior.is_ccw.all()
    back = frame.to_crs("EPSG:32636").geometry.total_bounds
    south = min(4200000, 4200000 + 32 * step)
    assert back == pytest.approx((450000, south, 450320, south + 320), abs=0.01)
    assert shard.index.column("crs").to_pylist() == ["EPSG:32636"] * 4


def test_overlapping_patches(cut: Cut, tiles: Tiles) -> None:
    shard = cut(tiles.imagery[:1], tiles.labels, size=32, stride=8)
    assert len(shard.ids) == 9 * 9
    row = shard.ids.index("N36E030_003_004")
    np.testing.assert_array_equal(shard.masks[row], expected_mask(tiles.codes[224:256, 32:64]))


def test_the_order_of_bands_is_the_configured_one(cut: Cut, tiles: Tiles) -> None:
    forward = cut(tiles.imagery, tiles.labels, "a")
    backward = cut(tiles.imagery, tiles.labels, "b", bands=[4, 2, 1])
    np.testing.assert_array_equal(forward.images[..., 0], backward.images[..., 2])
    np.testing.assert_array_equal(forward.images[..., 1], backward.images[..., 1])
    assert (forward.images[..., 2] != backward.images[..., 0]).any()


def test_a_legend_of_five_classes(cut: Cut, tiles: Tiles) -> None:
    names = ("wood", "low", "field", "town", "other")
    groups = ([10, 95, 90], [20, 30], [40], [50], [60, 80])
    legend = {
        "no_data": [0, 70],
        "classes": [
            {"name": n, "codes": c, "color": [9, 9, 9]} for n, c in zip(names, groups, strict=True)
        ],
    }
    shard = cut(tiles.imagery, tiles.labels, legend=legend, water_class=None)
    assert set(np.unique(shard.masks)) == set(range(5))
    row = shard.ids.index("N38E032_000_000")
    codes = tiles.codes[:16, 200:216]
    np.testing.assert_array_equal(shard.masks[row] == 1, np.isin(codes, (20, 30)))


def rewrite(path: Path, array: np.ndarray, **more: Any) -> Path:
    west, north = (30, 37) if path.parent.name == "imagery" else (30, 39)
    return write_raster(path, array, Affine(1 / SCALE, 0, west, 0, -1 / SCALE, north), WGS, **more)


def test_filters_and_counts(cut: Cut, tiles: Tiles) -> None:
    codes, bands = tiles.codes, tiles.bands["N36E030"]
    codes[200, 3] = 0  # one pixel without label in patch 0, 0
    codes[200:216, 16:32] = 80  # patch 0, 1 is all water
    codes[201, 16:32] = 10  # now 93.75 % of it
    codes[200:216, 32:48] = 80
    codes[200:202, 32:48] = 10  # patch 0, 2: 87.5 %
    bands[:, :16, 48:64] = 0  # patch 0, 3 was not seen
    bands[:, 20, 70] = 0  # one pixel of patch 1, 4
    rewrite(tiles.labels, codes, nodata=0)
    rewrite(tiles.imagery[0], bands)
    shard = cut(tiles.imagery[:1], tiles.labels, "plain")
    assert shard.counts == {
        "N36E030": {
            "candidates": 36,
            "kept": 33,
            "dropped": dict.fromkeys(("labels_missing", "imagery_missing", "water"), 1)
            | {"near_other_split": 0, "not_listed": 0},
        }
    }
    gone = {f"N36E030_000_{c:03d}" for c in (0, 1, 3)}
    assert gone.isdisjoint(shard.ids)
    assert "N36E030_000_002" in shard.ids
    assert "N36E030_001_004" in shard.ids
    strict = cut(tiles.imagery[:1], tiles.labels, "strict", imagery_no_data=0)
    assert strict.counts["N36E030"]["dropped"]["imagery_missing"] == 2
    assert "N36E030_001_004" not in strict.ids
    dry = cut(tiles.imagery[:1], tiles.labels, "dry", max_water_percent=80)
    assert dry.counts["N36E030"]["dropped"]["water"] == 2
    free = cut(tiles.imagery[:1], tiles.labels, "free", water_class=None)
    assert free.counts["N36E030"]["dropped"]["water"] == 0


def test_floating_imagery_with_a_value_that_is_no_number(cut: Cut, tiles: Tiles) -> None:
    bands = tiles.bands["N36E030"].astype(np.float32)
    bands[1, 40, 40] = np.nan
    rewrite(tiles.imagery[0], bands)
    shard = cut(tiles.imagery[:1], tiles.labels)
    assert shard.counts["N36E030"]["dropped"]["imagery_missing"] == 1
    assert "N36E030_002_002" not in shard.ids


def test_labels_of_a_part_of_the_imagery(cut: Cut, tiles: Tiles) -> None:
    part = tiles.folder / "part.tif"
    write_raster(
        part, tiles.codes[200:240, 10:300], Affine(0.01, 0, 30.1, 0, -0.01, 37), WGS, nodata=0
    )
    shard = cut(tiles.imagery[:1], part)
    assert shard.counts["N36E030"]["dropped"]["labels_missing"] == 36 - 2 * 5
    assert shard.ids[0] == "N36E030_000_001"
    np.testing.assert_array_equal(shard.masks[0], expected_mask(tiles.codes[200:216, 16:32]))


def test_absent_tiles_give_a_shard_without_rows(
    cut: Cut, tiles: Tiles, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tiles.folder / "imagery" / "N37E031.tif"
    empty.touch()
    shard = cut([empty], tiles.labels)
    assert shard.images.shape == (0, 16, 16, 3)
    assert shard.masks.shape == (0, 16, 16)
    assert shard.index.num_rows == 0
    reasons = ("labels_missing", "imagery_missing", "water", "near_other_split", "not_listed")
    nothing = dict.fromkeys(reasons, 0)
    assert shard.counts == {"N37E031": {"candidates": 0, "kept": 0, "dropped": nothing}}
    assert len(geopandas.read_parquet(tiles.folder / "patches" / "s.index.parquet")) == 0
    assert "warning" not in capsys.readouterr().err


def test_absent_labels_drop_everything_with_a_warning(
    cut: Cut, tiles: Tiles, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tiles.folder / "empty.tif"
    empty.touch()
    shard = cut(tiles.imagery, empty)
    assert len(shard.ids) == 0
    assert shard.counts["N38E032"]["dropped"]["labels_missing"] == 36
    assert "warning: no patch of the shard N36E030 was kept" in capsys.readouterr().err


def test_splits_do_not_depend_on_the_shard(cut: Cut, tiles: Tiles) -> None:
    both = cut(tiles.imagery, tiles.labels, "both")
    one = cut(tiles.imagery[1:], tiles.labels, "one")
    splits = dict(zip(both.ids, both.index.column("split").to_pylist(), strict=True))
    assert one.index.column("split").to_pylist() == [splits[i] for i in one.ids]
    assert set(splits.values()) <= {"train", "validation", "test"}


def broken(tiles: Tiles, what: str) -> tuple[list[Path], Path]:
    """The tiles with one fault."""
    imagery, labels = tiles.imagery[0], tiles.labels
    bands, codes = tiles.bands["N36E030"], tiles.codes
    place = Affine(1 / SCALE, 0, 30, 0, -1 / SCALE, 37)
    if what == "imagery without reference system":
        write_raster(imagery, bands, place, None)
    elif what == "labels without reference system":
        write_raster(labels, codes, place, None)
    elif what == "truncated imagery":
        imagery.write_bytes(imagery.read_bytes()[:40000])
    elif what == "truncated labels":
        labels.write_bytes(labels.read_bytes()[:40000])
    elif what == "no raster":
        imagery.write_text("<html>")
    elif what == "too few bands":
        write_raster(imagery, bands[:2], place, WGS)
    elif what == "unknown code":
        codes[250, 50] = 77
        rewrite(labels, codes)
    elif what == "small":
        write_raster(imagery, bands[:, :12], place, WGS)
    elif what == "elsewhere":
        write_raster(labels, codes, Affine(1 / SCALE, 0, -60, 0, -1 / SCALE, 0), WGS)
    elif what == "coloured labels":
        write_raster(labels, np.stack([codes] * 3), place, WGS)
    elif what == "fractional labels":
        write_raster(labels, codes.astype(np.float32), place, WGS)
    elif what == "missing":
        imagery.unlink()
    return [imagery], labels


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("imagery without reference system", r"imagery/N36E030.tif has no coordinate reference"),
        ("labels without reference system", r"labels/N36E030.tif has no coordinate reference"),
        ("truncated imagery", r"imagery/N36E030.tif is truncated.*fetch"),
        ("truncated labels", r"labels/N36E030.tif is truncated.*fetch"),
        ("no raster", r"imagery/N36E030.tif is .*no raster.*fetch"),
        ("too few bands", r"imagery/N36E030.tif has 2 bands.*\[1, 2, 3\] are asked for"),
        ("unknown code", r"labels/N36E030.tif holds the land-cover codes 77"),
        ("small", r"imagery/N36E030.tif has 100 x 12 pixels.*smaller patch size"),
        ("elsewhere", r"imagery/N36E030.tif and .*labels/N36E030.tif do not overlap"),
        ("coloured labels", r"labels/N36E030.tif has 3 bands.*one band of class"),
        ("fractional labels", r"labels/N36E030.tif holds float32 values.*whole"),
        ("missing", r"imagery/N36E030.tif is missing"),
    ],
)
def test_bad_rasters_are_named_and_nothing_is_written(
    cut: Cut, tiles: Tiles, what: str, sentence: str
) -> None:
    imagery, labels = broken(tiles, what)
    with pytest.raises(InputError, match=sentence) as caught:
        cut(imagery, labels)
    assert "\n" not in str(caught.value)
    out = tiles.folder / "patches"
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"scaling": "none"}, r"N36E030.tif holds uint16 values"),
        ({"reflectance_range": [3000, 0]}, r"range \[3000, 0\]"),
        ({"size": 0}, r"patch size of 0"),
        ({"stride": 0}, r"stride of 0"),
        ({"bands": [1, 2]}, r"bands \[1, 2\] are not three"),
        ({"water_class": "sea"}, r"no class 'sea'"),
        ({"split_fractions": {"train": 0.8}}, r"sum to 1"),
        ({"split_fractions": {"train": 0.8, "dev": 0.2}}, r"name dev"),
        ({"split_method": "block"}, r"split_block_degrees"),
    ],
)
def test_settings_that_cannot_work_are_named(
    cut: Cut, tiles: Tiles, changed: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        cut(tiles.imagery, tiles.labels, **changed)
    out = tiles.folder / "patches"
    assert not out.exists() or not list(out.iterdir())


def test_the_legend_of_this_test_is_the_papers() -> None:
    merged = {code: i for i, c in enumerate(LEGEND["classes"]) for code in c["codes"]}
    assert merged == CLASS_OF
