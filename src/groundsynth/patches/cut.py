"""Cutting one shard: every imagery tile of a label tile, or one raster pair, into patches."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from rasterio.crs import CRS
from rasterio.transform import Affine

from groundsynth.landcover import Legend
from groundsynth.patches.align import window_transforms
from groundsynth.patches.blocks import bounds_of
from groundsynth.patches.candidates import Candidate, candidates
from groundsynth.patches.counts import TileCounts, write_counts
from groundsynth.patches.filters import IMAGERY_MISSING, all_finite
from groundsynth.patches.growing import GrowingArray, growing_array
from groundsynth.patches.index import footprints, write_index
from groundsynth.patches.scaling import Scaling, require_scaling, to_8_bit
from groundsynth.patches.splits import SplitMethod, Splitter
from groundsynth.patches.strips import Cutting, grid_shape, strips
from groundsynth.progress import Progress
from groundsynth.provenance import provenance
from groundsynth.sources.published import read_split_file
from groundsynth.sources.rasters import is_absent, open_imagery, open_labels, require_overlap
from groundsynth.tables import SCHEMAS

CACHE_BYTES = 256 << 20
"""Decoded blocks that GDAL keeps: a row of the blocks of WorldCover's files is about 100 MB."""


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
    threads: int,
    split_method: SplitMethod,
    split_file: Path | None = None,
    split_fractions: dict[str, Any],
    split_seed: int,
    split_block_degrees: float | None,
    split_block_distance_metres: float,
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
    everywhere are dropped, and those with values that are no number. Patches without a split (too
    near to another one, or not listed in the ``split_file``, see splits.Splitter and
    sources.published) are dropped too. ``threads`` decode; another two read and write. Source:
    paper, section 3.1. Raises InputError and ConfigurationError.
    """
    parsed = Legend.from_json(legend)
    water = None if water_class is None else parsed.index(water_class)
    cutting = Cutting(parsed, size, stride, tuple(bands), water, max_water_percent, imagery_no_data)
    splitter = Splitter(
        split_method,
        split_fractions,
        split_seed,
        split_block_degrees,
        split_block_distance_metres,
        None if split_file is None else read_split_file(split_file),
    )
    record = provenance(
        "cut-patches",
        {
            "shard": shard,
            "size": size,
            "stride": stride,
            "bands": bands,
            "scaling": scaling,
            "reflectance_range": reflectance_range,
            "max_water_percent": max_water_percent,
            "imagery_no_data": imagery_no_data,
            "legend": legend,
            "split": [split_method, split_fractions, split_seed, split_block_degrees],
            "split_block_distance_metres": split_block_distance_metres,
        },
        [*imagery, labels, *([split_file] if split_file else [])],
    )
    found: dict[str, TileCounts] = {}
    with (
        rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES, GDAL_NUM_THREADS=str(threads)),
        growing_array(images, (size, size, 3)) as kept_images,
        growing_array(masks, (size, size)) as kept_masks,
    ):
        patches = _Shard(kept_images, kept_masks, splitter, scaling, tuple(reflectance_range), year)
        for path in imagery:
            found[path.stem] = _cut_tile(path, labels, cutting, patches)
        write_index(index, patches.columns, record)
        write_counts(counts, found)
    if not patches.images.rows and any(entry.candidates for entry in found.values()):
        print(
            f"warning: no patch of the shard {shard} was kept; {counts} gives the reasons.",
            file=sys.stderr,
        )


@dataclass
class _Shard:
    """The patches of a shard while they are collected."""

    images: GrowingArray
    masks: GrowingArray
    splitter: Splitter
    scaling: Scaling
    reflectance_range: tuple[float, ...]
    year: int | None
    columns: dict[str, list[Any]] = field(
        default_factory=lambda: {name: [] for name in SCHEMAS["real_index"].names}
    )

    def add(self, place: _Place, candidate: Candidate, image: np.ndarray) -> str | None:
        """Append one patch: ``image`` [3, size, size] raster values, its mask, its index row.

        Returns why it was left out, None where it was not.
        """
        patch_id = f"{place.tile}_{candidate.row:03d}_{candidate.column:03d}"
        split = self.splitter.split_of(patch_id, bounds_of(place.polygon))
        if split is None:
            return self.splitter.reason
        entry = {
            "patch_id": patch_id,
            "tile": place.tile,
            "row": candidate.row,
            "column": candidate.column,
            "split": split,
            "crs": place.crs,
            "transform": place.transform,
            "geometry": shapely.to_wkb(place.polygon),
            "year": self.year,
            "scaling": self.scaling,
        }
        self.images.append(to_8_bit(image, self.scaling, self.reflectance_range))
        self.masks.append(candidate.mask)
        for name, values in self.columns.items():
            values.append(entry[name])
        return None


@dataclass(frozen=True)
class _Place:
    """Where a patch lies: its tile, its transform in the tile's system, its footprint."""

    tile: str
    crs: str
    transform: list[float]
    polygon: shapely.Polygon


def _cut_tile(path: Path, labels: Path, cutting: Cutting, patches: _Shard) -> TileCounts:
    """Cut one imagery raster; an absent one has no candidates."""
    counts = TileCounts()
    if is_absent(path):
        return counts
    not_finite = 0
    with ExitStack() as opened:
        source = opened.enter_context(open_imagery(path, cutting.bands))
        require_scaling(patches.scaling, patches.reflectance_range, source.dtypes[0], path)
        cover = None if is_absent(labels) else opened.enter_context(open_labels(labels))
        if cover is not None:
            require_overlap(source, cover)
        rows, columns = grid_shape(source, cutting)
        transform, crs = source.transform, source.crs
        progress = opened.enter_context(Progress(f"cut {path.stem}", rows * columns, "patch"))
        for strip in strips(source, cover, cutting):
            places = _places(path.stem, transform, crs, strip.row, columns, cutting)
            for candidate, place in zip(candidates(strip, cutting), places, strict=True):
                reason, image = candidate.reason, candidate.image
                if reason is None and image is not None:
                    reason = patches.add(place, candidate, image)
                elif reason == IMAGERY_MISSING and image is not None:
                    not_finite += not all_finite(image)
                counts.count(reason)
            progress.advance(columns)
    if not_finite:
        _say_not_finite(path, not_finite)
    return counts


def _say_not_finite(path: Path, patches: int) -> None:
    print(
        f"warning: {path} holds values that are no number (NaN or infinite), which count as no "
        f"data; {patches} patches with such values were left out.",
        file=sys.stderr,
    )


def _places(
    tile: str, transform: Affine, crs: CRS, row: int, columns: int, cutting: Cutting
) -> list[_Place]:
    """The places of one row of the patch grid, from left to right."""
    stride = cutting.stride
    transforms = window_transforms(transform, np.arange(columns) * stride, row * stride)
    polygons = footprints(transforms, cutting.size, crs)
    name = crs.to_string()
    return [_Place(tile, name, t, p) for t, p in zip(transforms.tolist(), polygons, strict=True)]
