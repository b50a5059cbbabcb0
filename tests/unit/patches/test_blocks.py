"""Block splits: the distance of patches of different splits, on the footprints of real cuts."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
import pyproj
import pytest
import shapely
from rasterio.transform import Affine

from groundsynth.patches.blocks import block_at, blocks_within, bounds_of, grown
from groundsynth.patches.distances import split_distances
from groundsynth.patches.splits import Splitter

from .conftest import Shard, write_raster

Cut = Callable[..., Shard]
EVEN = {"train": 0.4, "validation": 0.3, "test": 0.3}
GEOD = pyproj.Geod(ellps="WGS84")
WGS, ZONE_36, ZONE_37 = "EPSG:4326", "EPSG:32636", "EPSG:32637"
RASTERS = {
    "two tiles": [
        (WGS, Affine(0.01, 0, 30, 0, -0.01, 37.6)),
        (WGS, Affine(0.01, 0, 31.6, 0, -0.01, 37.6)),
    ],
    "high in the south-west": [
        (WGS, Affine(0.01, 0, -71, 0, -0.01, -66.4)),
        (WGS, Affine(0.01, 0, -71, 0, -0.01, -68)),
    ],
    "metres of two zones, one over the other": [
        (ZONE_36, Affine(600, 0, 700000, 0, -600, 4250000)),
        (ZONE_37, Affine(600, 0, 240000, 0, -600, 4240000)),
    ],
    "metres, rotated": [
        (ZONE_36, Affine(520, 300, 420000, 300, -520, 4200000)),
        (ZONE_36, Affine(520, 300, 503200, 300, -520, 4248000)),
    ],
}
"""Pairs of neighbouring rasters of 160 x 160 pixels, each a shard of its own."""


@pytest.fixture
def footprints(cut: Cut, tmp_path: Path) -> Callable[..., geopandas.GeoDataFrame]:
    """Cut both rasters of a case, all forest, into overlapping patches; their footprints."""

    def run(case: str, metres: float) -> geopandas.GeoDataFrame:
        frames = []
        for number, (crs, place) in enumerate(RASTERS[case]):
            name, folder = f"raster{number}", f"{number}-{metres}"
            bands, codes = np.ones((3, 160, 160), np.uint8), np.full((160, 160), 10, np.uint8)
            imagery = write_raster(tmp_path / f"{name}.tif", bands, place, crs)
            labels = write_raster(tmp_path / f"{name}_labels.tif", codes, place, crs)
            settings: dict[str, Any] = {"split_method": "block", "split_fractions": EVEN}
            settings |= {"split_block_degrees": 0.7, "split_block_distance_metres": metres}
            settings |= {"shard": name, "scaling": "none", "stride": 6}
            counts = cut([imagery], labels, folder, **settings).counts[name]
            assert counts["dropped"]["near_other_split"] == 25**2 - counts["kept"]
            frames.append(geopandas.read_parquet(tmp_path / folder / "s.index.parquet"))
        return pandas.concat(frames)

    return run


def least_gap(frame: geopandas.GeoDataFrame) -> float:
    """Metres between the nearest two patches of different splits: the least geodesic of places
    along the outlines of the pairs that are nearest in a plane."""
    flat = np.array([np.cos(np.radians(frame.geometry.iloc[0].centroid.y)), 1])
    least = np.inf
    for one, other in combinations(sorted(frame.split.unique()), 2):
        here, there = (frame[frame.split == name].geometry.to_numpy() for name in (one, other))
        plane = [shapely.transform(group, lambda xy: xy * flat) for group in (here, there)]
        apart = shapely.distance(plane[0][:, None], plane[1][None])
        for place in np.argsort(apart, axis=None)[:60]:
            a, b = np.unravel_index(place, apart.shape)
            least = min(least, outline_gap(here[a], there[b]))
    return least


def outline_gap(one: shapely.Polygon, other: shapely.Polygon) -> float:
    lines = [shapely.segmentize(shape.exterior, 0.01) for shape in (one, other)]
    first, second = (shapely.get_coordinates(line) for line in lines)
    a, b = (grid.ravel() for grid in np.indices((len(first), len(second))))
    return float(GEOD.inv(*first[a].T, *second[b].T)[2].min())


@pytest.mark.parametrize("case", RASTERS)
def test_patches_of_different_splits_keep_their_distance(
    footprints: Callable[..., geopandas.GeoDataFrame], case: str
) -> None:
    free = footprints(case, 0)
    assert len(free) == 2 * 25**2
    assert set(free.split) == set(EVEN)
    assert min_metres(free) == 0
    for metres in (500, 9000):
        frame = footprints(case, metres)
        assert len(set(frame.split)) == 3
        assert 90 < len(frame) < len(free)
        assert set(zip(frame.patch_id, frame.split, strict=True)) <= set(
            zip(free.patch_id, free.split, strict=True)
        )
        gap = least_gap(frame)
        # patches begin every 6 pixels, up to 7 km, on both sides of a border
        assert metres <= gap <= metres + 14000
        # the outlines are looked at every 1.1 km: never less than the truth, little more;
        # patches of 17 km are too large for a plane by 0.2%
        assert gap - 120 <= min_metres(frame) <= 1.002 * gap
        assert min_metres(frame) >= metres


def min_metres(frame: geopandas.GeoDataFrame) -> float:
    rows = split_distances(frame.patch_id.tolist(), frame.split.tolist(), frame.geometry.to_numpy())
    return min(row["distance_metres"] for row in rows)


@pytest.mark.parametrize("latitude", [0, -0.01, 36.7, -66.4, 83.9, 89.99])
@pytest.mark.parametrize("metres", [1, 2560, 60_000])
def test_grown_bounds_hold_whatever_is_near(latitude: float, metres: float) -> None:
    box = (30.0, latitude - 0.02, 30.02, min(latitude, 90))
    west, south, east, north = grown(box, metres)
    angles = np.linspace(0, 360, 73)
    for x in (box[0], box[2]):
        for y in (box[1], box[3]):
            ends = [np.full(73, value) for value in (x, y)]
            x_there, y_there, _ = GEOD.fwd(*ends, angles, np.full(73, float(metres)))
            assert (y_there >= south - 1e-12).all()
            assert (y_there <= north + 1e-12).all()
            if east - west < 360:
                assert (x_there >= west).all()
                assert (x_there <= east).all()


def test_the_grid_is_one_for_the_whole_earth() -> None:
    assert block_at(30.1, 36.9, 0.25) == (120, 147)
    assert block_at(-0.1, -0.1, 0.25) == (-1, -1)
    assert block_at(180.1, 0, 0.25) == block_at(-179.9, 0, 0.25) == (-720, 0)
    assert list(blocks_within((30.0, 36, 30.25, 36.25), 0.25)) == [(120, 144)]
    assert set(blocks_within((29.9, 36, 30.1, 36.3), 0.25)) == {
        *((119, 144), (120, 144), (119, 145), (120, 145))
    }
    assert set(blocks_within((179.9, 0, 180.1, 0.1), 0.25)) == {(719, 0), (-720, 0)}
    assert set(blocks_within((-180.1, 0, -179.9, 0.1), 0.25)) == {(719, 0), (-720, 0)}
    assert len(list(blocks_within((-400, 80, 400, 80.1), 0.25))) == 3 * 1440 - 2 * 560


def test_a_footprint_across_the_antimeridian() -> None:
    shape = shapely.Polygon([(179.9, 1), (-179.9, 1), (-179.9, 1.1), (179.9, 1.1)])
    assert bounds_of(shape) == pytest.approx((179.9, 1, 180.1, 1.1))
    splitter = Splitter("block", EVEN, 3, 0.25, 100)
    sides = {splitter.split_of("p", (x, 1, x + 0.05, 1.05)) for x in (179.85, -179.9)}
    across = splitter.split_of("p", bounds_of(shape))
    assert across == (sides.pop() if len(sides) == 1 else None)


def test_a_patch_without_room_belongs_to_no_split() -> None:
    splitter = Splitter("block", EVEN, 42, 0.25, 60_000)
    found = [splitter.split_of("p", (30 + n, 36.1, 30.01 + n, 36.11)) for n in range(40)]
    assert found == [None] * 40


def test_without_a_distance_the_centre_decides() -> None:
    splitter = Splitter("block", EVEN, 42, 0.25)
    inside = splitter.split_of("p", (30.05, 36.05, 30.1, 36.1))
    assert splitter.split_of("q", (29.9, 36.05, 30.3, 36.1)) == inside
