"""The leak audit's nearest-neighbour search beside scikit-learn's exhaustive one, and at full size.

Both sides search the same float32 vectors on as many threads as the environment gives
(OMP_NUM_THREADS), in turn; the median of the pairs' ratios is printed with the lowest and highest,
by the process's CPU time. The last lines measure the audit's own steps for one table of samples and
say what the paper's 300,000 samples against 80,182 training patches of 1,280 features would take.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from groundsynth.evaluation.feature_tables import read_features, write_features
from groundsynth.evaluation.leak_audit import GROUP
from groundsynth.evaluation.nearest import nearest

SAMPLES, REAL, TEST, TRAIN, WIDTH, TABLES = 300_000, 100_240, 10_029, 80_182, 1_280, 28
"""The paper's: samples, real patches, those of test and train; features; real shards."""


def main() -> None:
    """Measure both sides, then print the estimate."""
    options = _options()
    random = np.random.default_rng(0)
    queries, references = (
        random.normal(size=(count, options.width)).astype(np.float32)
        for count in (options.queries, options.references)
    )
    shape = f"{options.queries:,} x {options.references:,} x {options.width:,}"
    print(f"{shape}, blocks of {options.block:,}, {options.pairs} interleaved pairs")
    pairs = []
    for _ in range(options.pairs + 1):
        theirs = _timed(lambda: _scikit_learn(queries, references))
        ours = _timed(lambda: nearest(queries, [references], options.block))
        pairs.append((theirs, ours))
    (theirs, ours), pairs = pairs[0], pairs[1:]  # the first one warms up
    if not np.array_equal(theirs[1][1], ours[1][1]):
        share = (theirs[1][1] == ours[1][1]).mean()
        print(f"equal neighbours: {100 * share:.3f}% (others are as near within rounding)")
    ratios = [a[0] / b[0] for a, b in pairs]
    seconds = [median(pair[side][0] for pair in pairs) for side in (0, 1)]
    print(
        f"scikit-learn {seconds[0]:.2f} s, ours {seconds[1]:.2f} s: ratio {median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}), CPU time"
    )
    _estimate(options, seconds[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak of both sides {peak:,.0f} MB; load average {os.getloadavg()[0]:.1f} at the end")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=6000)
    parser.add_argument("--references", type=int, default=8000)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--block", type=int, default=4096)
    parser.add_argument("--pairs", type=int, default=5)
    return parser.parse_args()


def _scikit_learn(queries: np.ndarray, references: np.ndarray) -> Any:
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(references)
    distances, positions = search.kneighbors(queries)
    return distances[:, 0], positions[:, 0]


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of one call, and its result."""
    started = time.process_time()
    result = call()
    return time.process_time() - started, result


def _estimate(options: argparse.Namespace, seconds: float) -> None:
    """CPU time and memory of the audit at the paper's size, from the parts measured here."""
    per_product = seconds / (options.queries * options.references * options.width)
    search = per_product * (SAMPLES + TEST) * TRAIN * WIDTH
    rows = 2000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "features.parquet")
        vectors = np.random.default_rng(1).normal(size=(rows, WIDTH)).astype(np.float32)
        write_features(path, "real", [str(n) for n in range(rows)], "model", vectors, {})
        reading = median(_timed(lambda: read_features(path))[0] for _ in range(5)) / rows
    groups = -(-SAMPLES // GROUP) + -(-TEST // GROUP)
    read = reading * (SAMPLES + REAL * (groups + 2))
    tables = 4 * WIDTH * (GROUP * 3 + REAL / TABLES * 3)
    memory = (tables + 4 * options.block**2 + 8 * options.block * WIDTH) / 1e6
    print(
        f"at the paper's size ({SAMPLES:,} + {TEST:,} x {TRAIN:,} x {WIDTH:,}): search "
        f"{search / 60:.0f} and reading {read / 60:.0f} CPU minutes, some {memory:,.0f} MB beside "
        "the libraries"
    )


if __name__ == "__main__":
    main()
