"""The simulated world: layout of its files, one world for all tiles, plausible places."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

from groundsynth.errors import ConfigurationError
from groundsynth.sources import simulation
from groundsynth.sources.landscape import codes
from groundsynth.sources.reflectance import imagery
from groundsynth.sources.simulation import simulate_imagery, simulate_labels
from groundsynth.sources.terrain import Window, terrain

SEED = 7109
"""A world whose tile N26E028 is all ocean, with all classes in the tiles around it."""
CODES = {10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100}


def make(tile: str, folder: Path, scale: int = 96, seed: int = SEED) -> tuple[Path, dict]:
    output, receipt = folder / f"{tile}.tif", folder / f"{tile}.json"
    simulate_imagery(tile=tile, pixels_per_degree=scale, seed=seed, output=output, receipt=receipt)
    return output, json.loads(receipt.read_text())


def test_imagery_has_the_layout_of_the_real_files(tmp_path: Path) -> None:
    output, receipt = make("N27E027", tmp_path)
    with rasterio.open(output) as dataset:
        image = dataset.read()
        assert dataset.crs.to_epsg() == 4326
        assert dataset.dtypes == ("uint16",) * 4
        assert dataset.descriptions == ("B04", "B03", "B02", "B08")
        assert dataset.nodata == 0
        assert dataset.bounds == pytest.approx((27, 27, 28, 28))
        assert dataset.res == pytest.approx((1 / 96, 1 / 96))
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert image.shape == (4, 96, 96)
    assert 300 < np.median(image[:3][image[:3] > 0]) < 3000
    assert receipt["present"]
    assert receipt["bytes"] == output.stat().st_size


def test_labels_have_the_layout_of_the_real_files(tmp_path: Path) -> None:
    output, receipt = tmp_path / "N27E027.tif", tmp_path / "N27E027.json"
    simulate_labels(tile="N27E027", pixels_per_degree=64, seed=SEED, output=output, receipt=receipt)
    with rasterio.open(output) as dataset:
        assert dataset.count == 1
        assert dataset.dtypes == ("uint8",)
        assert dataset.bounds == pytest.approx((27, 27, 30, 30))
        assert dataset.shape == (192, 192)
        assert dataset.nodata == 0
        assert set(np.unique(dataset.read(1))) <= CODES | {0}


def test_labels_and_imagery_share_one_world(tmp_path: Path) -> None:
    label = Window.of_tile(27, 27, 3, 64)
    tile = Window.of_tile(28, 28, 1, 64)
    image, seen = imagery(tile, SEED)
    everywhere = codes(label, SEED)
    rows, columns = tile.slices_in(label)
    assert (rows, columns) == (slice(64, 128), slice(64, 128))
    np.testing.assert_array_equal(everywhere[rows, columns], seen)
    assert (image[:, seen == 0] == 0).all()


@pytest.mark.parametrize("move", [(1, 0), (0, 1)])
def test_neighbouring_tiles_meet_without_a_seam(move: tuple[int, int]) -> None:
    scale = 128
    here = Window.of_tile(27, 27, 1, scale)
    there = Window.of_tile(27 - move[1], 27 + move[0], 1, scale)
    across = Window(
        here.column + move[0] * scale // 2,
        here.row + move[1] * scale // 2,
        scale,
        scale,
        scale,
    )
    whole, whole_codes = imagery(across, SEED)
    assert len(np.unique(whole_codes)) > 3
    half = scale // 2
    for window, mine in ((here, slice(0, half)), (there, slice(half, scale))):
        image, code = imagery(window, SEED)
        theirs = slice(half, scale) if window is here else slice(0, half)
        axis = -1 if move[0] else -2
        np.testing.assert_array_equal(
            np.take(whole, np.arange(scale)[mine], axis),
            np.take(image, np.arange(scale)[theirs], axis),
        )
        np.testing.assert_array_equal(
            np.take(whole_codes, np.arange(scale)[mine], axis),
            np.take(code, np.arange(scale)[theirs], axis),
        )


def test_parts_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = make("N27E027", tmp_path)
    monkeypatch.setattr(simulation, "PART", 40)
    parts, _ = make("N27E027", tmp_path / "parts")
    assert whole.read_bytes() == parts.read_bytes()


def test_the_seed_makes_the_world(tmp_path: Path) -> None:
    window = Window.of_tile(27, 27, 1, 64)
    first, again, other = (codes(window, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.2


def test_resolution_shows_the_same_places() -> None:
    coarse = codes(Window.of_tile(27, 27, 1, 100), SEED)
    fine = codes(Window.of_tile(27, 27, 1, 300), SEED)[1::3, 1::3]
    assert (coarse == fine).mean() > 0.85


def test_a_tile_that_is_all_ocean_is_absent(tmp_path: Path) -> None:
    output, receipt = make("N26E028", tmp_path)
    assert output.stat().st_size == 0
    assert (receipt["present"], receipt["bytes"], receipt["sha256"]) == (False, 0, None)


def test_all_classes_occur_in_plausible_places() -> None:
    window = Window(207 * 160, 62 * 160, 320, 320, 160)  # 27..29 E, 26..28 N
    land, found = terrain(window.widened(1), SEED), codes(window, SEED)
    inner = slice(1, -1), slice(1, -1)
    shares = {code: (found == code).mean() for code in CODES}
    assert min(shares.values()) > 0
    assert min(shares[code] for code in (10, 20, 30, 40, 50, 60, 80)) > 0.02
    assert land.temperature[inner][found == 70].max() < 3
    assert land.elevation[inner][found == 95].max() < 300
    assert land.shore[inner][found == 95].max() < 0.5
    assert np.median(land.elevation[inner][found == 40]) < 300
    assert (land.shore[inner][found == 0] < 0).mean() > 0.5


@pytest.mark.parametrize("tile", ["S01W001", "N00E000", "S46E170", "N64W020", "S90W180"])
def test_every_hemisphere_has_its_tiles(tile: str, tmp_path: Path) -> None:
    output, receipt = make(tile, tmp_path, scale=48, seed=3)
    assert receipt["present"] == (output.stat().st_size > 0)


def test_bad_requests_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="N28E027 is no label tile"):
        simulate_labels(
            tile="N28E027",
            pixels_per_degree=64,
            seed=1,
            output=tmp_path / "a",
            receipt=tmp_path / "b",
        )
    with pytest.raises(ConfigurationError, match="8 pixels per degree"):
        make("N27E027", tmp_path, scale=8)
    with pytest.raises(ConfigurationError, match="no tile name"):
        make("Ankara", tmp_path)
    assert not list(tmp_path.iterdir())
