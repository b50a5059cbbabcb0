"""CPU time and memory of the table of distances between splits, for synthetic footprints.

    PYTHONPATH=src .venv/bin/python benchmarks/patches/split_distances.py 100240 random

Footprints of 256 pixels of 10 m lie in a grid without gaps from 26 E 36 N. With
``random`` their splits are drawn one by one (the most pairs that are near each other), with
``blocks`` for 12 x 12 patches at a time.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import shapely

from groundsynth.patches.distances import split_distances
from groundsynth.patches.splits import SPLITS

SIDE, COLUMNS, BLOCK = 256 / 12_000, 448, 12


def measure(count: int, blocks: bool) -> str:
    """One line: what was measured, CPU seconds, MB more than before."""
    number = np.arange(count)
    column, row = number % COLUMNS, number // COLUMNS
    west, south = 26 + column * SIDE, 36 + row * SIDE
    drawn = np.random.default_rng(1).choice(SPLITS, count, p=(0.8, 0.1, 0.1))
    splits = drawn[column // BLOCK + COLUMNS * (row // BLOCK)] if blocks else drawn
    polygons = shapely.box(west, south, west + SIDE, south + SIDE)
    before, started = peak_mb(), time.process_time()
    rows = split_distances([str(n) for n in number], splits.tolist(), polygons)
    seconds, near = (
        time.process_time() - started,
        sum(r["pairs_nearer_than_one_patch"] for r in rows),
    )
    what = f"{count:,} footprints, {'blocks' if blocks else 'random'}, {near:,} near pairs"
    return f"{what}: {seconds:.1f} CPU s, {peak_mb() - before:.0f} MB more than {before:.0f}"


def peak_mb() -> float:
    """Largest memory of the process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(measure(int(sys.argv[1]), blocks=sys.argv[2] == "blocks"))
