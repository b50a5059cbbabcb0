"""Names and places of the ESA WorldCover tiles: plain arithmetic, no library.

Imagery tiles are 1 x 1 degree, label tiles 3 x 3 degrees; both are named by the latitude and
longitude of their south-west corner, such as ``N36E030`` or ``S03W078``. Corners of label tiles
are multiples of 3, counted downwards (floor) on every hemisphere.
"""

from __future__ import annotations

import math
import re

from groundsynth.errors import ConfigurationError

LABEL_TILE_DEGREES = 3
TILE_PIXELS = 12_000
"""Side of a WorldCover imagery tile (1 x 1 degree) in pixels; a label tile has three times it."""
METRES_A_DEGREE_NORTH = 110_574.0
"""Shortest degree of latitude on the WGS 84 ellipsoid (at the equator)."""
NAME = re.compile(r"([NS])(\d{2})([EW])(\d{3})")
EDGE = 1e-9
"""Degrees (0.1 mm) by which an area may exceed a tile without asking for the next one."""


def tile_name(latitude: int, longitude: int) -> str:
    """Name of the tile whose south-west corner is at the given whole degrees."""
    if not (-90 <= latitude < 90 and -180 <= longitude < 180):
        raise ConfigurationError(
            f"No tile begins at latitude {latitude}, longitude {longitude}; latitudes reach from "
            "-90 to 89 and longitudes from -180 to 179."
        )
    north, east = "NS"[latitude < 0], "EW"[longitude < 0]
    return f"{north}{abs(latitude):02d}{east}{abs(longitude):03d}"


def parse_tile(name: str) -> tuple[int, int]:
    """(latitude, longitude) of the south-west corner of the tile called ``name``, in degrees."""
    match = NAME.fullmatch(name)
    if match is None:
        raise ConfigurationError(
            f"{name!r} is no tile name; tiles are named by their south-west corner, such as "
            "N36E030 or S03W078."
        )
    latitude = int(match[2]) * (-1 if match[1] == "S" else 1)
    longitude = int(match[4]) * (-1 if match[3] == "W" else 1)
    if tile_name(latitude, longitude) != name:
        raise ConfigurationError(
            f"{name!r} is another name of the tile {tile_name(latitude, longitude)}; use that."
        )
    return latitude, longitude


def tiles_of_area(west: float, south: float, east: float, north: float) -> list[str]:
    """Names of the 1-degree tiles that an area touches, from south to north and west to east.

    Bounds in degrees. An area that only shares an edge with a tile does not touch it. West above
    east is an area across the antimeridian: west 179 and east -179 are the two degrees around it.
    """
    degrees = (west, south, east, north)
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    width, height = sum(high - low for low, high in spans), north - south
    inside = abs(west) <= 180 and abs(east) <= 180 and abs(south) <= 90 and abs(north) <= 90
    if not (inside and min(width, height) > 2 * EDGE):
        raise ConfigurationError(
            f"The box source.area ({_listed(degrees)}) is empty or beyond the earth; give west "
            "and east within -180 to 180 and south below north within -90 to 90 degrees."
        )
    if west > east and width > 180:
        raise ConfigurationError(
            f"The box source.area ({_listed(degrees)}) has west above east, which means a box "
            f"across the antimeridian, here {width:g} degrees wide; exchange west and east."
        )
    return [
        tile_name(latitude, longitude)
        for latitude in _whole_degrees(south, north)
        for span in spans
        for longitude in _whole_degrees(*span)
    ]


def _listed(degrees: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in degrees)


def _whole_degrees(low: float, high: float) -> range:
    """Degrees whose tiles the span touches; none where it is but a rounding error wide."""
    return range(math.floor(low + EDGE), math.ceil(high - EDGE))


def label_tile_of(tile: str) -> str:
    """Name of the 3-degree label tile that holds the 1-degree tile ``tile``."""
    latitude, longitude = parse_tile(tile)
    return tile_name(
        latitude // LABEL_TILE_DEGREES * LABEL_TILE_DEGREES,
        longitude // LABEL_TILE_DEGREES * LABEL_TILE_DEGREES,
    )
