"""The three sides of the comparison: the straightforward loop, ours, and GDAL alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import yaml
from PIL import Image
from rasterio.windows import Window
from tile_pair import BLOCK, TilePair

from groundsynth.patches.cut import CACHE_BYTES

ROOT = Path(__file__).resolve().parents[2]
SIZE = 256
BANDS = [1, 2, 3]
TIMING = "timing: "


@dataclass
class Cost:
    """Wall and CPU seconds of some patches; of a process of its own also what it says itself."""

    patches: int
    wall: float = 0.0
    cpu: float = 0.0
    peak_mb: float = 0.0
    import_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Patches a second."""
        return self.patches / self.wall

    @property
    def rate_without_import(self) -> float:
        """Patches a second, the import of the package left out."""
        return self.patches / (self.wall - self.import_seconds)


@contextmanager
def measured(cost: Cost) -> Iterator[None]:
    """Add the wall and CPU seconds of a block, all threads of this process together."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    cost.wall += time.perf_counter() - wall
    cost.cpu += time.process_time() - cpu


def patch_count(pixels: int) -> int:
    """Patches of a tile."""
    return ((pixels - SIZE) // SIZE + 1) ** 2


def straightforward(pair: TilePair, folder: Path, sample: int, seed: int) -> Cost:
    """For each of ``sample`` random patches: open both files, read, scale, write two PNGs."""
    folder.mkdir(parents=True, exist_ok=True)
    side = pair.pixels // SIZE
    chosen = np.random.default_rng(seed).choice(side * side, min(sample, side * side), False)
    cost = Cost(len(chosen))
    with measured(cost):
        for row, column in zip(*np.divmod(chosen, side), strict=True):
            window = Window(int(column) * SIZE, int(row) * SIZE, SIZE, SIZE)
            with rasterio.open(pair.imagery) as source, rasterio.open(pair.labels) as cover:
                image, mask = source.read(BANDS, window=window), cover.read(1, window=window)
            scaled = (image.transpose(1, 2, 0) / max(image.max(), 1) * 255).astype(np.uint8)
            Image.fromarray(scaled).save(folder / f"{row}_{column}.png")
            Image.fromarray(mask).save(folder / f"{row}_{column}_mask.png")
    return cost


def gdal_alone(pair: TilePair) -> Cost:
    """Decode both files by rows of blocks with all cores; nothing is done with the pixels."""
    cost = Cost(patch_count(pair.pixels))
    with measured(cost), rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS", GDAL_CACHEMAX=CACHE_BYTES):
        for path in (pair.imagery, pair.labels):
            with rasterio.open(path) as source:
                for top in range(0, source.height, BLOCK):
                    rows = min(BLOCK, source.height - top)
                    source.read(window=Window(0, top, source.width, rows))
    return cost


def settings(pair: TilePair, folder: Path, scaling: str, threads: int) -> dict[str, Any]:
    """The arguments of the verb cut-patches: the paper's, but for the files and the scaling."""
    configured = yaml.safe_load((ROOT / "config" / "config.yaml").read_text("utf-8"))
    return {
        "imagery": [pair.imagery],
        "labels": pair.labels,
        "shard": "benchmark",
        "legend": configured["legend"],
        "size": SIZE,
        "stride": SIZE,
        "bands": BANDS,
        "scaling": scaling,
        "reflectance_range": configured["patches"]["reflectance_range"],
        "water_class": configured["patches"]["water_class"],
        "max_water_percent": configured["patches"]["max_water_percent"],
        "imagery_no_data": configured["source"]["imagery_no_data"],
        "year": 2021,
        "threads": threads,
        "split_method": "random",
        "split_fractions": configured["splits"]["fractions"],
        "split_seed": 42,
        "split_block_degrees": None,
        "split_block_distance_metres": 0,
        "images": folder / "benchmark.images.npy",
        "masks": folder / "benchmark.masks.npy",
        "index": folder / "benchmark.index.parquet",
        "counts": folder / "benchmark.counts.json",
    }


def ours(pair: TilePair, folder: Path, scaling: str, threads: int) -> Cost:
    """The verb cut-patches in a process of its own: import, index and flush to disk included."""
    words = [sys.executable, "-m", "groundsynth", "cut-patches"]
    for name, value in settings(pair, folder, scaling, threads).items():
        words += [f"--{name.replace('_', '-')}", *_words(value)]
    log = folder / "benchmark.log"
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with log.open("w") as stream:
        process = subprocess.Popen(words, stderr=stream, env=_environment(folder))
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status:
        raise SystemExit(log.read_text("utf-8"))
    lines = [line for line in log.read_text("utf-8").splitlines() if line.startswith(TIMING)]
    return Cost(
        patch_count(pair.pixels),
        wall,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        json.loads(lines[-1].removeprefix(TIMING))["import_seconds"],
    )


def _words(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(entry) for entry in value]
    return [json.dumps(value) if value is None or isinstance(value, dict) else str(value)]


def _environment(folder: Path) -> dict[str, str]:
    """The caller's, with byte code kept from run to run, as an installation has it."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    environment["PYTHONPATH"] = str(ROOT / "src")
    return environment
