"""Spatial blocks: one grid over the whole earth, and which of its cells lie near a patch.

The grid is counted from longitude and latitude 0 in steps of degrees, so that it is the same for
every tile, raster and shard. Columns meet at the antimeridian.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import shapely

from groundsynth.sources.grid import METRES_A_DEGREE_NORTH

Bounds = tuple[float, float, float, float]
"""West, south, east, north in degrees (EPSG:4326); east may exceed 180 beyond the antimeridian."""
Block = tuple[int, int]
"""Column and row of a cell of the grid."""
METRES_A_DEGREE_EAST = 111_319.0
"""Degree of longitude at the equator; times the cosine of a latitude it is at most that one's."""


def bounds_of(polygon: shapely.Polygon) -> Bounds:
    """Bounds of a footprint; one across the antimeridian goes on beyond 180 degrees."""
    west, south, east, north = polygon.bounds
    if east - west > 180:
        longitudes = shapely.get_coordinates(polygon)[:, 0]
        turned = np.where(longitudes < 0, longitudes + 360, longitudes)
        west, east = float(turned.min()), float(turned.max())
    return west, south, east, north


def grown(bounds: Bounds, metres: float) -> Bounds:
    """Bounds that hold every place within ``metres`` (geodesic, WGS 84), and corners beyond.

    Never too small: degrees are taken at their shortest, those of longitude at the highest
    latitude that is reached.
    """
    west, south, east, north = bounds
    up = metres / METRES_A_DEGREE_NORTH
    highest = min(max(abs(south - up), abs(north + up)), 90.0)
    across = min(metres / (METRES_A_DEGREE_EAST * math.cos(math.radians(highest))), 180.0)
    return west - across, south - up, east + across, north + up


def block_at(longitude: float, latitude: float, size: float) -> Block:
    """The cell of ``size`` degrees that holds a place."""
    turned = (longitude + 180) % 360 - 180
    return math.floor(turned / size), math.floor(latitude / size)


def blocks_within(bounds: Bounds, size: float) -> Iterator[Block]:
    """The cells of ``size`` degrees that share an area with the bounds."""
    west, south, east, north = bounds
    for turn in (-360, 0, 360):
        left, right = max(west + turn, -180), min(east + turn, 180)
        if left < right:
            for row in _steps(south, north, size):
                for column in _steps(left, right, size):
                    yield column, row


def _steps(low: float, high: float, size: float) -> range:
    return range(math.floor(low / size), math.ceil(high / size))
