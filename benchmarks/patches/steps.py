"""CPU seconds of each step of cutting patches, one after the other on one thread."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio
from sides import settings
from tile_pair import TilePair

from groundsynth.landcover import Legend
from groundsynth.patches.align import codes_on_imagery
from groundsynth.patches.candidates import candidates
from groundsynth.patches.cut import CACHE_BYTES
from groundsynth.patches.filters import labels_missing
from groundsynth.patches.growing import growing_array
from groundsynth.patches.scaling import to_8_bit
from groundsynth.patches.strips import Cutting, Strip, grid_shape
from groundsynth.sources.rasters import read_pixels

Steps = defaultdict[str, float]


def cpu_of_steps(pair: TilePair, folder: Path, scaling: str) -> dict[str, float]:
    """Seconds of CPU by step; the places and the index of the patches are not among them."""
    options = settings(pair, folder, scaling, 1)
    legend = Legend.from_json(options["legend"])
    size = options["size"]
    water = legend.index(options["water_class"])
    cutting = Cutting(
        legend,
        size,
        size,
        tuple(options["bands"]),
        water,
        options["max_water_percent"],
        options["imagery_no_data"],
    )
    steps: Steps = defaultdict(float)
    with (
        rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES),
        rasterio.open(pair.imagery) as source,
        rasterio.open(pair.labels) as cover,
        growing_array(folder / "steps.images.npy", (size, size, 3)) as images,
        growing_array(folder / "steps.masks.npy", (size, size)) as masks,
    ):
        for row in range(grid_shape(source, cutting)[0]):
            strip = _strip(source, cover, cutting, row, steps)
            with _timed(steps, "filter"):
                kept = [c for c in candidates(strip, cutting) if c.reason is None]
            with _timed(steps, "scale"):
                scaled = [to_8_bit(c.image, scaling, options["reflectance_range"]) for c in kept]
            with _timed(steps, "write"):
                for candidate, image in zip(kept, scaled, strict=True):
                    images.append(image)
                    masks.append(candidate.mask)
    return dict(steps)


def _strip(
    source: rasterio.DatasetReader,
    cover: rasterio.DatasetReader,
    cutting: Cutting,
    row: int,
    steps: Steps,
) -> Strip:
    size, columns = cutting.size, grid_shape(source, cutting)[1]
    top, width = row * size, columns * size
    with _timed(steps, "decode labels"):
        codes, covered = codes_on_imagery(source, cover, 0, top, width, size)
    with _timed(steps, "merge classes"):
        mask = cutting.legend.encode(codes, cover.name, covered)
    with _timed(steps, "filter"):
        starts = range(0, width, size)
        labelled = tuple(not labels_missing(mask[:, start : start + size]) for start in starts)
    with _timed(steps, "decode imagery"):
        image = read_pixels(source, cutting.bands, 0, top, width, size)
    return Strip(row, image, mask, labelled)


@contextmanager
def _timed(steps: Steps, name: str) -> Iterator[None]:
    started = time.process_time()
    yield
    steps[name] += time.process_time() - started
