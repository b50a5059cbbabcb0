"""Tile names, all hemispheres, and the label tile of an imagery tile."""

import subprocess
import sys
from pathlib import Path

import pytest

from groundsynth.errors import ConfigurationError
from groundsynth.sources.grid import label_tile_of, parse_tile, tile_name, tiles_of_area


@pytest.mark.parametrize(
    ("name", "corner", "label"),
    [
        ("N36E030", (36, 30), "N36E030"),
        ("N38E032", (38, 32), "N36E030"),
        ("N00E000", (0, 0), "N00E000"),
        ("S01E002", (-1, 2), "S03E000"),
        ("S03W078", (-3, -78), "S03W078"),
        ("S01W001", (-1, -1), "S03W003"),
        ("N02W180", (2, -180), "N00W180"),
        ("N89E179", (89, 179), "N87E177"),
        ("S90E005", (-90, 5), "S90E003"),
    ],
)
def test_names_on_every_hemisphere(name: str, corner: tuple[int, int], label: str) -> None:
    assert parse_tile(name) == corner
    assert tile_name(*corner) == name
    assert label_tile_of(name) == label


def test_the_papers_area_has_160_imagery_and_28_label_tiles() -> None:
    tiles = tiles_of_area(
        25.668510437000105, 35.81543000000018, 44.83476000000008, 42.10757000000004
    )
    assert len(tiles) == 160
    assert len({label_tile_of(tile) for tile in tiles}) == 28
    assert tiles[0] == "N35E025"
    assert tiles[-1] == "N42E044"


def test_edges_of_an_area_touch_no_further_tile() -> None:
    assert tiles_of_area(30, 36, 31, 37) == ["N36E030"]
    assert tiles_of_area(30, 36, 31.000001, 37) == ["N36E030", "N36E031"]
    assert tiles_of_area(-0.5, -0.5, 0.5, 0.5) == ["S01W001", "S01E000", "N00W001", "N00E000"]
    assert tiles_of_area(0.1 + 0.2, 0.5, 1 + 1e-12, 0.6) == ["N00E000"]
    assert tiles_of_area(179.5, 89.5, 180, 90) == ["N89E179"]


@pytest.mark.parametrize("name", ["", "N36", "n36e030", "N36E30", "N90E000", "N00W000", "S00E001"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_tile(name)


@pytest.mark.parametrize("area", [(31, 36, 30, 37), (30, 37, 31, 36), (0, -91, 1, 0), (9, 9, 9, 9)])
def test_areas_that_are_none_are_refused(area: tuple[float, float, float, float]) -> None:
    with pytest.raises(ConfigurationError, match="west < east"):
        tiles_of_area(*area)


def test_the_module_needs_no_library() -> None:
    folder = Path(__file__).resolve().parents[3] / "src"
    code = "import groundsynth.sources.grid, sys; sys.exit('numpy' in sys.modules)"
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(folder)}, timeout=60
    )
