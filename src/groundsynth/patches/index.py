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
from rasterio.warp import transform

from groundsynth.tables import SCHEMAS, write_table

WGS_84 = CRS.from_epsg(4326)


def footprints(transforms: np.ndarray, size: int, crs: CRS) -> np.ndarray:
    """Polygons (EPSG:4326, longitude first, counter-clockwise) of patches of ``size`` pixels.

    ``transforms`` are theirs, float64 [N, 6]. One projection for all: each call costs as much as
    many patches.
    """
    places = np.array([(0, 0), (0, size), (size, size), (size, 0)], np.float64)
    a, b, x, d, e, y = transforms.T[:, :, None]
    across, down = places.T
    rings = np.stack([a * across + b * down + x, d * across + e * down + y], axis=-1)
    if crs != WGS_84:
        xs, ys = transform(crs, WGS_84, rings[..., 0].ravel(), rings[..., 1].ravel())
        rings = np.stack([xs, ys], axis=-1).reshape(rings.shape)
    polygons: np.ndarray = shapely.orient_polygons(shapely.polygons(rings))
    return polygons


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
