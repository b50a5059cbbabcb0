"""The map of footprints: splits, tiles, the antimeridian."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from groundsynth.figures.footprints import draw_footprints, scale_metres, tile_box
from groundsynth.figures.style import save_figure, styled
from groundsynth.tables import write_table

Pixels = Callable[[Path], np.ndarray]


def test_footprints_show_every_split_on_both_sides_of_a_zone(
    full_run: Any, tmp_path: Path, pixels: Pixels
) -> None:
    with styled():
        drawn = draw_footprints(full_run.figure_inputs()["patches"])
        save_figure(drawn, tmp_path / "footprints.png")
    image = pixels(tmp_path / "footprints.png")
    for color in ((0x88, 0xCC, 0xEE), (0xDD, 0xCC, 0x77), (0xAA, 0x44, 0x99)):
        places = np.argwhere((image == color).all(axis=-1))
        assert len(places) > 500
    train = np.argwhere((image[: image.shape[0] * 3 // 4] == (0x88, 0xCC, 0xEE)).all(axis=-1))
    assert train[:, 1].max() - train[:, 1].min() > image.shape[1] / 2


def test_the_scale_is_a_round_length() -> None:
    found = [scale_metres(across) for across in (1_780_000, 260_000, 200_000, 99_000, 2_400)]
    assert found == [200_000, 50_000, 20_000, 10_000, 200]


def test_tiles_are_named_boxes_or_the_bounds_of_their_patches() -> None:
    patches = [shapely.box(3.25, 4, 3.5, 4.5), shapely.box(3.5, 4, 4.25, 4.5)]
    assert tile_box("S03W078", patches).tolist() == [-78, -3, -77, -2]
    assert tile_box("scene_a", patches).tolist() == [3.25, 4, 4.25, 4.5]


def write_footprints(path: Path, boxes: dict[str, tuple[float, float, float, float]]) -> Path:
    """An index of patches with their footprints in degrees; tiles are named by the keys."""
    count = len(boxes)
    columns = {
        "patch_id": [f"{tile}_000_000" for tile in boxes],
        "tile": list(boxes),
        "row": [0] * count,
        "column": [0] * count,
        "split": ["train"] * count,
        "crs": ["EPSG:4326"] * count,
        "transform": [[1.0, 0, 0, 0, -1, 0]] * count,
        "geometry": [shapely.to_wkb(shapely.box(*box)) for box in boxes.values()],
        "year": [2021] * count,
        "scaling": ["reflectance"] * count,
    }
    write_table(path, columns, "real_index", {})
    return path


def test_a_map_across_the_antimeridian_is_as_wide_as_the_area(tmp_path: Path) -> None:
    """Fiji: a footprint on either side, and one (third) whose corners lie on both."""
    boxes = {
        "S18E178": (178.4, -17.5, 178.9, -17.1),
        "S18W180": (-179.9, -17.5, -179.4, -17.1),
        "S17E179": (-179.9, -16.5, 179.9, -16.1),
    }
    with styled():
        drawn = draw_footprints(write_footprints(tmp_path / "index.parquet", boxes))
        save_figure(drawn, tmp_path / "footprints.png")  # places the ticks
    axes = drawn.axes[0]
    west, east = axes.get_xlim()
    assert (west, east) == (pytest.approx(178, abs=0.1), pytest.approx(181, abs=0.1))
    frames = {(frame.get_x(), frame.get_y()) for frame in axes.patches}
    assert frames == {(178, -18), (180, -18), (179, -17)}
    drawn_to = [
        path.get_extents().extents.tolist() for c in axes.collections for path in c.get_paths()
    ]
    np.testing.assert_allclose(
        drawn_to,
        [[178.4, -17.5, 178.9, -17.1], [180.1, -17.5, 180.6, -17.1], [179.9, -16.5, 180.1, -16.1]],
    )
    names = [tick.label1.get_text() for tick in axes.xaxis.get_major_ticks()]
    longitudes = [float(name.replace("\N{MINUS SIGN}", "-")) for name in names]
    assert {178.5, 180, -179.5} <= set(longitudes)
    assert all(abs(longitude) <= 180 for longitude in longitudes)


def test_a_map_of_the_whole_earth_stays_as_it_is(tmp_path: Path) -> None:
    boxes = {name: (x, 0.0, x + 0.5, 0.5) for name, x in (("a", -120), ("b", 0), ("c", 100))}
    with styled():
        axes = draw_footprints(write_footprints(tmp_path / "index.parquet", boxes)).axes[0]
    assert axes.get_xlim() == (pytest.approx(-124.41), pytest.approx(104.91))
