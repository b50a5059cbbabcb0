"""Cutting one shard: every imagery tile of a label tile, or one raster pair, into patches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from rasterio.warp import transform

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.landcover import UNLABELLED, Legend
from groundsynth.patches.align import UNCOVERED, codes_on_imagery
from groundsynth.patches.counts import TileCounts, write_counts
from groundsynth.patches.filters import (
    IMAGERY_MISSING,
    LABELS_MISSING,
    WATER,
    imagery_missing,
    labels_missing,
    mostly_water,
)
from groundsynth.patches.growing import GrowingArray, growing_array
from groundsynth.patches.index import write_index
from groundsynth.patches.scaling import Scaling, require_scaling, to_8_bit
from groundsynth.patches.splits import SplitMethod, Splitter
from groundsynth.progress import Progress
from groundsynth.provenance import provenance
from groundsynth.sources.rasters import (
    is_absent,
    open_imagery,
    open_labels,
    read,
    require_overlap,
)
from groundsynth.tables import SCHEMAS


@dataclass(frozen=True)
class Cutting:
    """How patches are cut, chosen and scaled."""

    legend: Legend
    size: int
    stride: int
    bands: tuple[int, ...]
    scaling: Scaling
    reflectance_range: tuple[float, ...]
    water: int | None
    max_water_percent: float
    imagery_no_data: float | None
    year: int | None


@dataclass(frozen=True)
class Output:
    """What a shard is collected in while it is cut."""

    images: GrowingArray
    masks: GrowingArray
    columns: dict[str, list[Any]]
    splitter: Splitter


def cut_patches(
    *,
    imagery: list[Path],
    labels: Path,
    shard: str,
    legend: dict[str, Any],
    size: int,
    stride: int,
    bands: list[int],
    scaling: Scaling,
    reflectance_range: list[float],
    water_class: str | None,
    max_water_percent: float,
    imagery_no_data: float | None,
    year: int | None,
    split_method: SplitMethod,
    split_fractions: dict[str, Any],
    split_seed: int,
    split_block_degrees: float | None,
    images: Path,
    masks: Path,
    index: Path,
    counts: Path,
) -> None:
    """Cut one shard of real patches on the imagery's own grid, from its upper left corner.

    Reads rasters (an empty file is a tile that does not exist); writes ``images`` uint8
    [N, size, size, 3], ``masks`` uint8 [N, size, size] class indices, ``index`` (GeoParquet, N
    rows in the same order) and ``counts`` (JSON: candidates, kept and dropped by reason of each
    tile). ``size`` and ``stride`` in pixels; incomplete patches at the right and lower edge are
    not cut. ``bands`` are the numbers (from 1) of red, green and blue. ``imagery_no_data`` drops
    a patch with a single pixel of that value in all bands; without it only patches that are zero
    everywhere are dropped. Source: paper, section 3.1. Raises InputError and ConfigurationError.
    """
    parameters = {k: v for k, v in locals().items() if k not in _FILES}
    cutting = _cutting(parameters)
    splitter = Splitter(split_method, split_fractions, split_seed, split_block_degrees)
    found: dict[str, TileCounts] = {}
    with (
        growing_array(images, (size, size, 3)) as kept_images,
        growing_array(masks, (size, size)) as kept_masks,
    ):
        columns: dict[str, list[Any]] = {name: [] for name in SCHEMAS["real_index"].names}
        output = Output(kept_images, kept_masks, columns, splitter)
        for path in imagery:
            found[path.stem] = _cut_tile(path, labels, cutting, output)
        write_index(index, columns, provenance("cut-patches", parameters, [*imagery, labels]))
        write_counts(counts, found)
    if not columns["patch_id"] and any(entry.candidates for entry in found.values()):
        print(
            f"warning: no patch of shard {shard} was kept; {counts} gives the reasons.",
            file=sys.stderr,
        )


_FILES = ("imagery", "labels", "images", "masks", "index", "counts")


def _cutting(parameters: dict[str, Any]) -> Cutting:
    legend = Legend.from_json(parameters["legend"])
    size, stride, bands = parameters["size"], parameters["stride"], parameters["bands"]
    if size < 1 or stride < 1:
        raise ConfigurationError(
            f"A patch size of {size} and a stride of {stride} pixels are none; give 1 or more."
        )
    if len(bands) != 3:
        raise ConfigurationError(
            f"{len(bands)} bands are given ({bands}); give three, for red, green and blue."
        )
    water = parameters["water_class"]
    return Cutting(
        legend=legend,
        size=size,
        stride=stride,
        bands=tuple(bands),
        scaling=parameters["scaling"],
        reflectance_range=tuple(parameters["reflectance_range"]),
        water=None if water is None else legend.index(water),
        max_water_percent=parameters["max_water_percent"],
        imagery_no_data=parameters["imagery_no_data"],
        year=parameters["year"],
    )


def _cut_tile(path: Path, labels: Path, cutting: Cutting, output: Output) -> TileCounts:
    """Cut one imagery raster strip by strip; memory holds one strip of patches."""
    counts = TileCounts()
    if is_absent(path):
        return counts
    with ExitStack() as opened:
        source = opened.enter_context(open_imagery(path, cutting.bands))
        require_scaling(cutting.scaling, cutting.reflectance_range, source.dtypes[0], path)
        cover = None if is_absent(labels) else opened.enter_context(open_labels(labels))
        if cover is not None:
            require_overlap(source, cover)
        rows, columns = (_steps(length, cutting, path) for length in source.shape)
        progress = opened.enter_context(Progress(f"cut {path.stem}", rows * columns, "patch"))
        for row in range(rows):
            for column, image, mask, reason in _strip(source, cover, cutting, row, columns):
                counts.candidates += 1
                if reason is not None or image is None:
                    counts.dropped[reason or IMAGERY_MISSING] += 1
                    continue
                counts.kept += 1
                output.images.append(to_8_bit(image, cutting.scaling, cutting.reflectance_range))
                output.masks.append(mask)
                _add_row(output, source, path.stem, row, column, cutting)
            progress.advance(columns)
    return counts


def _steps(length: int, cutting: Cutting, path: Path) -> int:
    if cutting.size > length:
        raise InputError(
            f"{path} is only {length} pixels wide or high, less than a patch of {cutting.size}; "
            "choose a smaller patch size or a larger raster."
        )
    return (length - cutting.size) // cutting.stride + 1


def _strip(
    source: DatasetReader, cover: DatasetReader | None, cutting: Cutting, row: int, columns: int
) -> Iterator[tuple[int, np.ndarray | None, np.ndarray, str | None]]:
    """Column, image, mask and reason to drop (None: keep) of each patch of one row of patches."""
    size, stride = cutting.size, cutting.stride
    width, top = (columns - 1) * stride + size, row * stride
    mask = _mask(source, cover, cutting, top, width)
    parts = [mask[:, c * stride : c * stride + size] for c in range(columns)]
    unlabelled = [labels_missing(part) for part in parts]
    image = None
    if not all(unlabelled):
        image = read(source, cutting.bands, 0, top, width, size)
    for column, part in enumerate(parts):
        if unlabelled[column] or image is None:
            yield column, None, part, LABELS_MISSING
            continue
        seen = image[:, :, column * stride : column * stride + size]
        reason = None
        if imagery_missing(seen, cutting.imagery_no_data):
            reason = IMAGERY_MISSING
        elif mostly_water(part, cutting.water, cutting.max_water_percent):
            reason = WATER
        yield column, seen, part, reason


def _mask(
    source: DatasetReader, cover: DatasetReader | None, cutting: Cutting, top: int, width: int
) -> np.ndarray:
    """uint8 [size, width] class indices of one strip, UNLABELLED where there are no labels."""
    if cover is None:
        return np.full((cutting.size, width), UNLABELLED, np.uint8)
    codes = codes_on_imagery(source, cover, 0, top, width, cutting.size)
    mask = np.full(codes.shape, UNLABELLED, np.uint8)
    covered = codes != UNCOVERED
    mask[covered] = cutting.legend.encode(codes[covered], cover.name)
    return mask


def _add_row(
    output: Output, source: DatasetReader, tile: str, row: int, column: int, cutting: Cutting
) -> None:
    """Append one patch to the index columns."""
    corner = source.transform * Affine.translation(column * cutting.stride, row * cutting.stride)
    polygon = footprint(corner, cutting.size, source.crs)
    centre = polygon.centroid
    patch_id = f"{tile}_{row:03d}_{column:03d}"
    entry = {
        "patch_id": patch_id,
        "tile": tile,
        "row": row,
        "column": column,
        "split": output.splitter.split_of(patch_id, centre.x, centre.y),
        "crs": source.crs.to_string(),
        "transform": list(corner)[:6],
        "geometry": shapely.to_wkb(polygon),
        "year": cutting.year,
        "scaling": cutting.scaling,
    }
    for name, values in output.columns.items():
        values.append(entry[name])


def footprint(corner: Affine, size: int, crs: CRS) -> shapely.Polygon:
    """Polygon (EPSG:4326, longitude first, counter-clockwise) of a patch of ``size`` pixels."""
    places = [corner * place for place in ((0, 0), (0, size), (size, size), (size, 0))]
    xs, ys = zip(*places, strict=True)
    if crs != CRS.from_epsg(4326):
        xs, ys = transform(crs, CRS.from_epsg(4326), xs, ys)
    return shapely.orient_polygons(shapely.Polygon(zip(xs, ys, strict=True)))
