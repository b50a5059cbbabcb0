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

from groundsynth.tables import SCHEMAS, write_table


def geo_schema(bounds: Sequence[float] | None) -> pa.Schema:
    """The index schema with GeoParquet 1.1 metadata; ``bounds`` in degrees, None if empty."""
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": ["Polygon"] if bounds is not None else [],
        "crs": CRS.from_epsg(4326).to_dict(projjson=True),
    }
    if bounds is not None:
        column["bbox"] = [float(b) for b in bounds]
    record = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    schema: pa.Schema = SCHEMAS["real_index"].with_metadata({b"geo": json.dumps(record).encode()})
    return schema


def bounds_of(geometry: Sequence[bytes]) -> tuple[float, ...] | None:
    """West, south, east, north of WKB geometries in degrees; None when there are none."""
    if not len(geometry):
        return None
    return tuple(shapely.total_bounds(shapely.from_wkb(np.asarray(geometry, object))))


def write_index(
    path: Path, columns: Mapping[str, Sequence[Any]], provenance: Mapping[str, Any]
) -> None:
    """Write the index columns (tables.SCHEMAS["real_index"], geometry as WKB), atomically."""
    write_table(path, columns, geo_schema(bounds_of(columns["geometry"])), provenance)
