"""The table of distances between splits, against places whose distances are known."""

import itertools

import numpy as np
import pyproj
import pytest
import shapely

from groundsynth.patches import distances
from groundsynth.patches.distances import split_distances

GEOD = pyproj.Geod(ellps="WGS84")
SIDE = 0.02


def box(column: float, row: float, west: float = 30, south: float = 36) -> shapely.Polygon:
    """A patch of a grid of 0.02 degrees."""
    x, y = west + column * SIDE, south + row * SIDE
    return shapely.orient_polygons(shapely.box(x, y, x + SIDE, y + SIDE))


def table(**places: list[shapely.Polygon]) -> dict[str, dict[str, object]]:
    """Rows of the table by ``train-test`` and the like."""
    splits = [split for split, shapes in places.items() for _ in shapes]
    polygons = np.array(list(itertools.chain(*places.values())), object)
    ids = [f"{split}{n}" for split, shapes in places.items() for n in range(len(shapes))]
    rows = split_distances(ids, splits, polygons)
    return {f"{row['split']}-{row['other_split']}": row for row in rows}


def test_neighbours_and_a_patch_between() -> None:
    rows = table(train=[box(0, 0), box(0, 3)], validation=[box(1, 1), box(8, 8)], test=[box(2, 0)])
    assert list(rows) == ["train-validation", "train-test", "validation-test"]
    meeting = rows["train-validation"]  # at a corner
    assert (meeting["distance_metres"], meeting["distance_patches"]) == (0, 0)
    assert meeting["nearest"] == "train0 validation0"
    assert meeting["pairs_nearer_than_one_patch"] == 1  # (0, 3) is further: one row lies between
    apart = rows["train-test"]
    assert apart["distance_patches"] == pytest.approx(1)
    assert apart["pairs_nearer_than_one_patch"] == 0
    north = 36 + SIDE  # the nearest end of two parallel edges
    assert apart["distance_metres"] == pytest.approx(
        GEOD.inv(30.02, north, 30.04, north)[2], abs=0.01
    )


def test_overlapping_patches_are_at_no_distance() -> None:
    row = table(train=[box(0, 0)], test=[box(0.5, 0.25), box(0.1, 0.9)])["train-test"]
    assert (
        row["distance_metres"],
        row["distance_patches"],
        row["pairs_nearer_than_one_patch"],
    ) == (0, 0, 2)


def test_far_apart() -> None:
    row = table(train=[box(0, 0), box(-5, 0)], test=[box(200, 150)])["train-test"]
    expected = GEOD.inv(30 + SIDE, 36 + SIDE, 34, 39)[2]
    assert row["distance_metres"] == pytest.approx(expected, rel=1e-6)
    assert row["nearest"] == "train0 test0"
    assert row["pairs_nearer_than_one_patch"] == 0


def test_on_both_sides_of_the_antimeridian() -> None:
    ours, theirs = box(-1, 0, west=180), box(1, 0, west=-180)
    row = table(train=[ours], test=[theirs])["train-test"]
    assert row["distance_patches"] == pytest.approx(1)
    across = shapely.Polygon([(179.99, 36), (-179.99, 36), (-179.99, 36.02), (179.99, 36.02)])
    row = table(train=[across], test=[theirs])["train-test"]
    assert row["distance_patches"] == pytest.approx(0.5)


def test_a_split_without_patches() -> None:
    rows = table(train=[box(0, 0)])
    assert rows["train-test"]["distance_metres"] is None
    assert rows["train-test"]["pairs_nearer_than_one_patch"] == 0
    assert [row["nearest"] for row in table().values()] == [None] * 3


def test_many_patches_against_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    places = random.choice(40 * 40, 300, replace=False)
    shapes = [box(place % 40, place // 40) for place in places]
    groups = {"train": shapes[:200], "validation": shapes[200:260], "test": shapes[260:]}
    rows = table(**groups)
    monkeypatch.setattr(distances, "CHUNK", 50)
    assert table(**groups) == rows
    grid = np.stack([places % 40, places // 40], axis=1)
    parts = {"train": grid[:200], "validation": grid[200:260], "test": grid[260:]}
    for name, row in rows.items():
        one, other = (parts[split] for split in name.split("-"))
        between = np.maximum(np.abs(one[:, None] - other[None]) - 1, 0)
        apart = np.hypot(between[..., 0], between[..., 1])
        assert row["distance_patches"] == pytest.approx(apart.min(), abs=1e-9)
        assert row["pairs_nearer_than_one_patch"] == (apart < 1).sum()
