"""Tile names, all hemispheres, and the label tile of an imagery tile."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from groundsynth.configuration_yaml import load_yaml
from groundsynth.errors import ConfigurationError
from groundsynth.sources.grid import label_tile_of, parse_tile, tile_name, tiles_of_area

CONFIGURED = load_yaml(Path(__file__).parents[3] / "config" / "config.yaml")["source"]["area"]
PAPER = tuple(CONFIGURED[edge] for edge in ("west", "south", "east", "north"))
"""The paper's area (section 3.1)."""


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


def test_every_tile_of_the_papers_area_finds_its_label_tile() -> None:
    """The label tile is one of the 28 to be fetched, and its 3 x 3 degrees hold the tile."""
    tiles = tiles_of_area(*PAPER)
    assert len(tiles) == len(set(tiles)) == 160
    assert (tiles[0], tiles[-1]) == ("N35E025", "N42E044")
    fetched = {tile_name(lat, lon) for lat in range(33, 45, 3) for lon in range(24, 45, 3)}
    assert len(fetched) == 28
    for tile in tiles:
        label = label_tile_of(tile)
        assert label in fetched
        offsets = [a - b for a, b in zip(parse_tile(tile), parse_tile(label), strict=True)]
        assert all(offset in (0, 1, 2) for offset in offsets)
    assert {label_tile_of(tile) for tile in tiles} == fetched


def test_what_rounding_instead_of_flooring_would_lose() -> None:
    """An imitation of the published script's rule: the nearest multiple of 3.

    It names a label tile that does not hold the imagery tile wherever latitude or longitude is 2
    modulo 3: 95 of the paper's 160 tiles. The published file names agree: none from N38.
    """

    def by_rounding(tile: str) -> str:
        latitude, longitude = parse_tile(tile)
        return tile_name(round(latitude / 3) * 3, round(longitude / 3) * 3)

    tiles = tiles_of_area(*PAPER)
    lost = [tile for tile in tiles if by_rounding(tile) != label_tile_of(tile)]
    assert lost == [tile for tile in tiles if any(d % 3 == 2 for d in parse_tile(tile))]
    assert len(lost) == 160 - 5 * 13 == 95
    assert {tile[:3] for tile in tiles} - {t[:3] for t in tiles if t not in lost} == {
        *("N35", "N38", "N41")
    }


def test_every_tile_of_the_earth_lies_in_its_label_tile() -> None:
    for latitude, longitude in itertools.product(range(-90, 90), range(-180, 180)):
        tile = tile_name(latitude, longitude)
        south, west = parse_tile(label_tile_of(tile))
        assert (south % 3, west % 3) == (0, 0)
        assert south <= latitude < south + 3
        assert west <= longitude < west + 3


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


def test_an_area_across_the_antimeridian() -> None:
    assert tiles_of_area(179, -1, -179, 1) == ["S01E179", "S01W180", "N00E179", "N00W180"]
    assert tiles_of_area(177.5, -17.2, -179.9, -17.1) == [
        *("S18E177", "S18E178", "S18E179", "S18W180")
    ]
    assert tiles_of_area(180, 0, -179, 1) == ["N00W180"]
    assert tiles_of_area(179, 0, -180, 1) == ["N00E179"]
    assert len(tiles_of_area(-180, -90, 180, 90)) == 360 * 180


def test_areas_at_the_poles() -> None:
    assert tiles_of_area(0, -90, 1, -89) == ["S90E000"]
    assert tiles_of_area(0, 89.999, 1, 90) == ["N89E000"]


@pytest.mark.parametrize(
    ("area", "advice"),
    [
        ((31, 36, 30, 37), "359 degrees wide; exchange west and east"),
        ((30, 37, 31, 36), "south below north"),
        ((0, -91, 1, 0), "beyond the earth"),
        ((0, 0, 181, 1), "beyond the earth"),
        ((0, 89, 1, 90.5), "beyond the earth"),
        ((9, 9, 9, 9), "is empty"),
        ((9, 9, 10, 9 + 1e-9), "is empty"),
        ((180, 0, -180, 1), "is empty"),
        ((float("nan"), 0, 1, 1), "beyond the earth"),
        ((0, 0, float("nan"), 1), "beyond the earth"),
        ((0, 0, 1, float("inf")), "beyond the earth"),
    ],
)
def test_areas_that_are_none_are_refused(
    area: tuple[float, float, float, float], advice: str
) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        tiles_of_area(*area)


def test_the_module_needs_no_library() -> None:
    folder = Path(__file__).resolve().parents[3] / "src"
    code = "import groundsynth.sources.grid, sys; sys.exit('numpy' in sys.modules)"
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(folder)}, timeout=60
    )
