"""How near patches of different splits come to each other.

Distances are edge to edge, in metres and in patches: the gap's parts along longitude and latitude
divided by the mean width and height of the two patches, so that neighbours of a grid with one
patch between them are 1 apart. Pairs are compared in a plane at their middle latitude, exact to
0.1% for patches of some kilometres; of the nearest pair the metres are geodesic (WGS 84).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pyproj
import shapely
from scipy.spatial import cKDTree

from groundsynth.patches.blocks import bounds_of
from groundsynth.patches.splits import SPLITS

CHUNK = 20_000
"""Pairs of footprints at a time, about 20 MB."""
EQUAL = 1e-6
"""Patches by which a distance may miss 0 or 1 from rounding."""
COLUMNS = (
    *("split", "other_split", "distance_metres", "distance_patches"),
    *("pairs_nearer_than_one_patch", "nearest"),
)
GEOD = pyproj.Geod(ellps="WGS84")
Pairs = tuple[np.ndarray, np.ndarray]


def split_distances(
    ids: Sequence[str], splits: Sequence[str], polygons: np.ndarray
) -> list[dict[str, Any]]:
    """One row (COLUMNS) for each pair of splits, from the patches' footprints (EPSG:4326).

    Distances are None where a split is empty; ``nearest`` names the two patches.
    Memory grows with the number of patches, time with the number of near pairs.
    """
    footprints, found = Footprints(polygons), np.asarray(splits)
    rows = []
    for split, other in combinations(SPLITS, 2):
        here, there = np.flatnonzero(found == split), np.flatnonzero(found == other)
        row: dict[str, Any] = {**dict.fromkeys(COLUMNS), "split": split, "other_split": other}
        row["pairs_nearer_than_one_patch"] = 0
        if len(here) and len(there):
            near, count = footprints.nearest(here, there)
            metres, patches = footprints.distance(*near)
            row |= {"distance_metres": metres, "distance_patches": patches}
            row["pairs_nearer_than_one_patch"] = count
            row["nearest"] = " ".join(ids[number] for number in near)
        rows.append(row)
    return rows


class Footprints:
    """Quadrilateral footprints: centres, sizes and corners, in degrees and in metres."""

    def __init__(self, polygons: np.ndarray) -> None:
        bounds = np.array([bounds_of(polygon) for polygon in polygons]).reshape(-1, 4)
        self.centres = (bounds[:, :2] + bounds[:, 2:]) / 2
        self.degrees = bounds[:, 2:] - bounds[:, :2]
        corners = shapely.get_coordinates(polygons).reshape(len(polygons), 5, 2)
        self.corners = _turned(corners - self.centres[:, None])
        to_space = pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
        longitudes, latitudes = self.centres.T.tolist()
        places = to_space.transform(longitudes, latitudes, [0.0] * len(polygons))
        self.places = np.stack(places, axis=1)
        sizes = self.degrees * _metres_a_degree(self.centres[:, 1])
        self.longest = sizes.max(initial=0)
        self.reach = np.hypot(*sizes.T).max(initial=0)
        """Twice the largest distance of a corner from its centre, metres."""

    def nearest(self, here: np.ndarray, there: np.ndarray) -> tuple[tuple[int, int], int]:
        """The nearest pair of two groups, and how many pairs are nearer than one patch.

        Centres closer than the answer, or than a patch, plus two half diagonals are looked at.
        """
        tree = cKDTree(self.places[there])
        apart, first = tree.query(self.places[here])
        best = int(apart.argmin())
        pair = int(here[best]), int(there[first[best]])
        least, _ = self.distance(*pair)
        radius = 1.01 * (max(least, self.longest) + self.reach)
        count = 0
        for one, other in self._within(here[apart <= radius], there, tree, radius):
            metres, patches = self._gaps(one, other)
            count += int((patches < 1 - EQUAL).sum())
            if metres.min() < least:
                place = int(metres.argmin())
                pair, least = (int(one[place]), int(other[place])), metres[place]
        return pair, count

    def _within(
        self, here: np.ndarray, there: np.ndarray, tree: cKDTree, radius: float
    ) -> Iterator[Pairs]:
        """All pairs with centres within ``radius`` metres, at most CHUNK (or one row) at a time."""
        if not len(here):
            return
        many = tree.query_ball_point(self.places[here], radius, return_length=True)
        for rows in np.split(here, np.flatnonzero(np.diff(many.cumsum() // CHUNK)) + 1):
            found = tree.query_ball_point(self.places[rows], radius)
            lengths = [len(numbers) for numbers in found]
            if sum(lengths):
                yield np.repeat(rows, lengths), there[np.concatenate(found).astype(np.int64)]

    def _gaps(self, one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float64 [M] distances of pairs of footprints: metres, patches."""
        scale = self._scale(one, other)
        sides = (self.degrees[one] + self.degrees[other]) / 2
        metres = shapely.distance(*self._drawn(one, other, scale))
        patches = shapely.distance(*self._drawn(one, other, 1 / sides))
        return metres, patches

    def _scale(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """float64 [M, 2]: metres a degree of longitude and latitude midway between centres."""
        return _metres_a_degree((self.centres[one, 1] + self.centres[other, 1]) / 2)

    def _drawn(
        self, one: np.ndarray, other: np.ndarray, scale: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Polygons of pairs in planes around the first one's centre, degrees times ``scale``."""
        across = _turned(self.centres[other] - self.centres[one])
        moved = self.corners[other] + across[:, None]
        return (
            shapely.polygons(self.corners[one] * scale[:, None]),
            shapely.polygons(moved * scale[:, None]),
        )

    def distance(self, one: int, other: int) -> tuple[float, float]:
        """Geodesic metres between two footprints, and patches; 0 where they meet.

        Two quadrilaterals apart are nearest at a corner of one of them.
        """
        first, second = np.array([one]), np.array([other])
        scale = self._scale(first, second)
        shapes = np.concatenate(self._drawn(first, second, scale))
        corners = shapely.points(shapely.get_coordinates(shapes))
        lines = shapely.shortest_line(corners, np.repeat(shapes[::-1], 5))
        ends = shapely.get_coordinates(lines).reshape(-1, 2, 2) / scale + self.centres[one]
        metres = GEOD.inv(*ends[:, 0].T, *ends[:, 1].T)[2].min()
        patches = float(self._gaps(first, second)[1][0])
        return (0.0, 0.0) if patches < EQUAL else (float(metres), patches)


def _turned(degrees: np.ndarray) -> np.ndarray:
    """Differences [..., (longitude, latitude)] with longitudes between -180 and 180."""
    return np.stack([(degrees[..., 0] + 180) % 360 - 180, degrees[..., 1]], axis=-1)


def _metres_a_degree(latitudes: np.ndarray) -> np.ndarray:
    """float64 [N, 2]: metres of a degree of longitude and of latitude (WGS 84) at latitudes."""
    squared = GEOD.es * np.sin(np.radians(latitudes)) ** 2
    across = GEOD.a / np.sqrt(1 - squared) * np.cos(np.radians(latitudes))
    along = GEOD.a * (1 - GEOD.es) / (1 - squared) ** 1.5
    return np.radians(np.stack([across, along], axis=-1))
