"""The index of real patches: a GeoParquet table that geopandas and GDAL open as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.warp import transform

from groundsynth.patches.align import mapped
from groundsynth.tables import SCHEMAS, write_table

WGS_84 = CRS.from_epsg(4326)


def footprint(corner: Affine, size: int, crs: CRS) -> shapely.Polygon:
    """Polygon (EPSG:4326, longitude first, counter-clockwise) of a patch of ``size`` pixels."""
    places = [mapped(corner, *place) for place in ((0, 0), (0, size), (size, size), (size, 0))]
    xs, ys = zip(*places, strict=True)
    if crs != WGS_84:
        xs, ys = transform(crs, WGS_84, xs, ys)
    return shapely.orient_polygons(shapely.Polygon(zip(xs, ys, strict=True)))


def write_index(
    path: Path, columns: Mapping[str, Sequence[Any]], provenance: Mapping[str, Any]
) -> None:
    """Write the index columns (tables.SCHEMAS["real_index"], geometry as WKB), atomically."""
    geometry = np.asarray(columns["geometry"], object)
    bounds = shapely.total_bounds(shapely.from_wkb(geometry)).tolist() if len(geometry) else None
    write_table(path, columns, _geo_schema(bounds), provenance)


def _geo_schema(bounds: list[float] | None) -> pa.Schema:
    """The index schema with GeoParquet 1.1 metadata; ``bounds`` in degrees, None if empty."""
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": ["Polygon"] if bounds else [],
        "crs": WGS_84.to_dict(projjson=True),
    }
    if bounds:
        column["bbox"] = bounds
    record = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    schema: pa.Schema = SCHEMAS["real_index"].with_metadata({b"geo": json.dumps(record).encode()})
    return schema
