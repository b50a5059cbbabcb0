"""The tiles under the polygons of a vector file, in any coordinate system."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import shapely
from pyproj import CRS
from pyproj.exceptions import ProjError

from groundsynth.errors import InputError
from groundsynth.files import write_json
from groundsynth.sources.area import FORMAT
from groundsynth.sources.grid import EDGE, tile_name

STEP_METRES = 10_000.0
"""Longest piece of an edge that is projected as a straight line."""
PARQUET = (".parquet", ".geoparquet")


def list_tiles(*, area: Path, digest: str, output: Path) -> None:
    """List the 1-degree tiles under the polygons of a vector file.

    ``area``: any vector file that geopandas reads, in any coordinate reference system, with any
    number of features. ``output``: JSON with format, digest (as given, of the file's content),
    file and tiles, from south to north and west to east; a tile that is only touched does not
    count. Raises InputError.
    """
    record = {"format": FORMAT, "digest": digest, "file": area.name, "tiles": tiles_under(area)}
    write_json(output, record)


def tiles_under(area: Path) -> list[str]:
    """Names of the tiles that share an area with the polygons of the file; see ``list_tiles``."""
    polygons = _polygons(area)
    west, south, east, north = shapely.total_bounds(polygons)
    columns, rows = (grid.ravel() for grid in np.meshgrid(_span(west, east), _span(south, north)))
    inner = shapely.box(columns + EDGE, rows + EDGE, columns + 1 - EDGE, rows + 1 - EDGE)
    tile, polygon = shapely.STRtree(polygons).query(inner, predicate="intersects")
    shared = shapely.area(shapely.intersection(inner[tile], polygons[polygon])) > 0
    found = {(int(rows[n]), int(columns[n] + 180) % 360 - 180) for n in tile[shared]}
    if not found:
        raise InputError(f"{area} covers no ground; save polygons in it that are not empty.")
    return [tile_name(latitude, longitude) for latitude, longitude in sorted(found)]


def _span(low: float, high: float) -> np.ndarray:
    """Whole degrees at which the tiles between two bounds begin."""
    return np.arange(np.floor(low + EDGE), np.ceil(high - EDGE))


def _polygons(area: Path) -> np.ndarray:
    """The valid polygons of a vector file, in degrees; across the antimeridian beyond 180."""
    frame = _read(area)
    if frame.crs is None:
        raise InputError(
            f"{area} has no coordinate reference system; assign the right one and save it again."
        )
    given = shapely.force_2d(frame.geometry.dropna().to_numpy())
    if not np.isfinite(shapely.get_coordinates(given)).all():
        raise InputError(f"{area} holds coordinates that are no numbers; correct their shapes.")
    shapes = _parts(shapely.make_valid(given))  # a bow-tie's halves cancel out until then
    if not len(shapes):
        raise InputError(f"{area} holds no polygon; the area must be one or several polygons.")
    degrees = _in_degrees(area, shapes, frame.crs)
    bounds = shapely.bounds(degrees)
    if not (np.abs(bounds) <= (360, 90 + EDGE, 360, 90 + EDGE)).all():
        raise InputError(
            f"{area} holds coordinates beyond the earth; correct its coordinate reference system."
        )
    widest = (bounds[:, 2] - bounds[:, 0]).max()
    if widest > 180:
        raise InputError(
            f"{area} has a polygon that is {widest:g} degrees wide; cut it at the antimeridian, "
            "or into parts of at most 180 degrees."
        )
    return _parts(shapely.make_valid(degrees))


def _parts(shapes: np.ndarray) -> np.ndarray:
    """The single polygons of shapes of any kind; lines, points and empty ones are left out."""
    for _ in range(3):  # multipolygons within a collection
        shapes = shapely.get_parts(shapes)
    return shapes[shapely.area(shapes) > 0]


def _in_degrees(area: Path, shapes: np.ndarray, crs: CRS) -> np.ndarray:
    """Polygons in EPSG:4326; projected ones with edges that bend, and whole at 180 degrees."""
    if crs.is_projected:
        step = STEP_METRES / crs.axis_info[0].unit_conversion_factor
        shapes = shapely.segmentize(shapes, step)
    try:
        degrees = geopandas.GeoSeries(shapes, crs=crs).to_crs("EPSG:4326").to_numpy()
    except ProjError as error:
        raise InputError(
            f"{area} cannot be brought to degrees ({error}); save it in EPSG:4326."
        ) from None
    if crs.is_projected:
        west, _, east, _ = shapely.bounds(degrees).T
        for n in np.flatnonzero(east - west > 180):
            degrees[n] = shapely.transform(degrees[n], _eastwards)
    return degrees


def _eastwards(places: np.ndarray) -> np.ndarray:
    """Coordinates [N, 2] with longitudes from 0 to 360 degrees."""
    return np.column_stack([places[:, 0] % 360, places[:, 1]])


def _read(area: Path) -> geopandas.GeoDataFrame:
    """The features of a vector file, which must have one layer with geometry."""
    if not area.exists():
        raise InputError(f"{area} is missing; correct the path in source.area.file.")
    try:
        if area.suffix.lower() in PARQUET:
            return geopandas.read_parquet(area)
        layers = geopandas.list_layers(area).dropna().name.tolist()  # those with geometry
        if len(layers) == 1:
            return geopandas.read_file(area, layer=layers[0], columns=[], engine="pyogrio")
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{area} is no vector file that geopandas reads ({reason}); save it as GeoPackage or "
            "GeoJSON."
        ) from None
    if not layers:
        raise InputError(f"{area} holds no polygon; the area must be one or several polygons.")
    raise InputError(
        f"{area} has the layers {', '.join(layers)}; save the one that is meant in a file of its "
        "own."
    )
