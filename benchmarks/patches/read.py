"""Random 256-pixel samples of a CPU second in one process: from shards, and from PNG files.

A sample is an image and its mask. Shards are read as training reads them, in batches in random
order through groundsynth.shards.JoinedArrays; the PNG files hold the same samples. Warm: from the
page cache. Cold: copies of the shards, which nothing maps meanwhile, are dropped from it before
each round; the share of their pages that it still held is printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from page_cache import drop, resident_share
from PIL import Image

from groundsynth.shards import JoinedArrays, new_array
from groundsynth.sources.reflectance import imagery
from groundsynth.sources.terrain import Window

SIZE, BATCH, SHARDS, GOAL = 256, 64, 2, 5000
WARM, COLD, PNG = "shards, warm cache", "shards, cold cache", "PNG files, warm cache"
WINDOW = Window.of_tile(39, 32, 1, 12000)


def main() -> None:
    """Write the samples both ways, read them, print samples a second."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        images, masks, pictures = _write(Path(name), options.samples)
        joined = JoinedArrays(images), JoinedArrays(masks)
        cold = [_copied(path) for path in images], [_copied(path) for path in masks]
        files = [*cold[0], *cold[1]]
        order = np.random.default_rng(1).permutation(options.samples)
        some = order[: options.samples // 4]
        _read_shards(joined, order)  # into the cache
        rates: dict[str, list[tuple[float, float]]] = {WARM: [], COLD: [], PNG: []}
        resident = []
        for _ in range(options.repetitions):
            rates[WARM].append(_rates(lambda: _read_shards(joined, order), len(order)))
            drop(files)
            resident.append(resident_share(files))
            rates[COLD].append(_rates(lambda: _read_anew(*cold, order), len(order)))
            rates[PNG].append(_rates(lambda: _read_pictures(pictures, some), len(some)))
            _read_shards(joined, order)
    _print(rates, resident, options.samples)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where files are written, and then removed")
    parser.add_argument("--samples", type=int, default=4096)
    parser.add_argument("--repetitions", type=int, default=5)
    return parser.parse_args()


def _write(folder: Path, samples: int) -> tuple[list[Path], list[Path], list[Path]]:
    """The samples as two shards (images, masks) and as PNG files, flushed to the disk."""
    images = [folder / f"{n}.images.npy" for n in range(SHARDS)]
    masks = [folder / f"{n}.masks.npy" for n in range(SHARDS)]
    pictures = [folder / f"{n}.png" for n in range(samples)]
    scene, codes = imagery(Window(WINDOW.column, WINDOW.row, 1024, 1024, WINDOW.scale), 1)
    scaled = (scene[:3].transpose(1, 2, 0) // 16).clip(0, 255).astype(np.uint8)
    corners = np.random.default_rng(0).integers(0, 1024 - SIZE, (samples, 2)).tolist()
    half = samples // SHARDS
    for shard in range(SHARDS):
        with (
            new_array(images[shard], (half, SIZE, SIZE, 3)) as image_rows,
            new_array(masks[shard], (half, SIZE, SIZE)) as mask_rows,
        ):
            for row, (x, y) in enumerate(corners[shard * half : (shard + 1) * half]):
                here = slice(y, y + SIZE), slice(x, x + SIZE)
                image_rows[row], mask_rows[row] = scaled[here], codes[here]
                picture = pictures[shard * half + row]
                Image.fromarray(scaled[here]).save(picture)
                Image.fromarray(codes[here]).save(_mask_of(picture))
    return images, masks, pictures


def _mask_of(picture: Path) -> Path:
    return picture.with_suffix(".mask.png")


def _read_shards(joined: tuple[JoinedArrays, JoinedArrays], order: np.ndarray) -> None:
    for start in range(0, len(order), BATCH):
        for arrays in joined:
            arrays.gather(order[start : start + BATCH])


def _read_pictures(pictures: list[Path], order: np.ndarray) -> None:
    for number in order.tolist():
        for path in (pictures[number], _mask_of(pictures[number])):
            with Image.open(path) as picture:
                np.asarray(picture)


def _copied(path: Path) -> Path:
    """A copy of a shard beside it, which no map of the shard keeps in the cache."""
    return Path(shutil.copy(path, path.with_name(f"cold_{path.name}")))


def _read_anew(images: list[Path], masks: list[Path], order: np.ndarray) -> None:
    """Open, read and close."""
    _read_shards((JoinedArrays(images), JoinedArrays(masks)), order)


def _rates(read: Callable[[], None], samples: int) -> tuple[float, float]:
    """Samples a CPU second and samples a second."""
    wall, cpu = time.perf_counter(), time.process_time()
    read()
    return samples / (time.process_time() - cpu), samples / (time.perf_counter() - wall)


def _print(
    rates: dict[str, list[tuple[float, float]]], resident: list[float], samples: int
) -> None:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"{samples} samples of {SIZE} pixels (image and mask), batches of {BATCH} in random order"
    )
    print(f"one process, load average {load}, medians of {len(rates[WARM])}\n")
    by_cpu = {side: median(cpu for cpu, _ in found) for side, found in rates.items()}
    for side, found in rates.items():
        wall = median(rate for _, rate in found)
        held = f", {100 * max(resident):.1f}% in the cache before" if side == COLD else ""
        print(f"{side:22s} {by_cpu[side]:7.0f} samples a CPU second, {wall:7.0f} a second{held}")
    print(f"\nshards / PNG files, by CPU time: {by_cpu[WARM] / by_cpu[PNG]:.0f}")
    print(f"goal: {GOAL} samples a CPU second from shards with a warm cache")


if __name__ == "__main__":
    main()
