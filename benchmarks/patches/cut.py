"""Patches a second of a tile pair: the straightforward loop, ours, and GDAL decoding alone.

All three are measured in this run, in turn, several times; medians are printed with the spread.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from sides import Cost, gdal_alone, ours, patch_count, straightforward
from steps import cpu_of_steps
from tile_pair import TilePair, tile_pair

LOOP_GOAL, GDAL_GOAL, MEMORY_GOAL = 8, 0.5, 1500


def main() -> None:
    """Write the tiles, measure, print."""
    options = _options()
    with ExitStack() as opened:
        folder = options.folder or Path(opened.enter_context(tempfile.TemporaryDirectory()))
        large, small = (tile_pair(folder, pixels) for pixels in (options.pixels, options.small))
        out = Path(opened.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        # In a process of its own: a child's peak memory counts from its parent's.
        pool = opened.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
        ours(small, out, options.scaling, options.threads)  # byte code and caches
        sides: dict[str, Callable[[int], Cost]] = {
            "loop": lambda n: pool.submit(
                straightforward, large, out / "png", options.sample, n
            ).result(),
            "ours": lambda _: ours(large, out, options.scaling, options.threads),
            "ours, small tile": lambda _: ours(small, out, options.scaling, options.threads),
            "GDAL alone": lambda _: pool.submit(gdal_alone, large).result(),
        }
        found: dict[str, list[Cost]] = {name: [] for name in sides}
        for number in range(options.repetitions):
            for name, side in sides.items():
                found[name].append(side(number))
            shutil.rmtree(out / "png")
        steps = [
            pool.submit(cpu_of_steps, large, out, options.scaling).result()
            for _ in range(options.repetitions)
        ]
    _print_sides(options, found)
    _print_steps(steps)
    _print_growth(large, small, found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="keeps the tiles there for the next run")
    parser.add_argument("--pixels", type=int, default=12000, help="side of the tile")
    parser.add_argument("--small", type=int, default=6000, help="side of a second, smaller tile")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--sample", type=int, default=100, help="patches of the loop each time")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of ours")
    parser.add_argument(
        "--scaling", default="patch_max", choices=["patch_max", "reflectance", "percentile"]
    )
    return parser.parse_args()


def _print_sides(options: argparse.Namespace, found: dict[str, list[Cost]]) -> None:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{options.pixels} x {options.pixels} pixels, {patch_count(options.pixels)} patches of")
    print(f"256, scaling {options.scaling}, {os.cpu_count()} cores, load average {load};")
    print(f"medians of {options.repetitions} (lowest to highest)\n")
    for name in ("loop", "ours", "GDAL alone"):
        costs = found[name]
        note = f" (rate of {costs[0].patches} random patches)" if name == "loop" else ""
        cpu = median(1000 * cost.cpu / cost.patches for cost in costs)
        rates = _spread([cost.rate for cost in costs])
        print(f"{name:22s} {rates} patches/s, {cpu:.2f} ms CPU a patch{note}")
    without = [cost.rate_without_import for cost in found["ours"]]
    print(f"{'ours without import':22s} {_spread(without)} patches/s\n")
    _print_ratio("ours / loop", found["ours"], found["loop"], LOOP_GOAL)
    _print_ratio("ours / GDAL alone", found["ours"], found["GDAL alone"], GDAL_GOAL)
    limit = [cost.rate for cost in found["GDAL alone"]]
    print(f"{'  without import':22s} {median(without) / median(limit):.2f}")
    peak = max(cost.peak_mb for cost in found["ours"])
    print(f"{'peak memory of ours':22s} {peak:.0f} MB (goal: below {MEMORY_GOAL})")


def _print_ratio(name: str, ours_: list[Cost], other: list[Cost], goal: float) -> None:
    rate = median(cost.rate for cost in ours_) / median(cost.rate for cost in other)
    cpu = [median(cost.cpu / cost.patches for cost in side) for side in (other, ours_)]
    print(f"{name:22s} {rate:.2f} (goal: {goal}); by CPU time {cpu[0] / cpu[1]:.2f}")


def _print_steps(steps: Sequence[dict[str, float]]) -> None:
    print("\nCPU seconds of each step of ours, on one thread")
    for name in steps[0]:
        print(f"  {name:20s} {_spread([found[name] for found in steps], '.2f')}")


def _print_growth(large: TilePair, small: TilePair, found: dict[str, list[Cost]]) -> None:
    print("\nCPU of ours by size of the tile")
    seconds = []
    for pair, name in ((small, "ours, small tile"), (large, "ours")):
        seconds.append(median(cost.cpu - cost.import_seconds for cost in found[name]))
        each = 1e9 * seconds[-1] / pair.pixels**2
        print(f"  {pair.pixels} x {pair.pixels}: {seconds[-1]:.2f} s, {each:.1f} ns a pixel")
    ratio = (large.pixels / small.pixels) ** 2
    print(f"  {ratio:.2f} times the pixels, {seconds[1] / seconds[0]:.2f} times the CPU time")


def _spread(values: Sequence[float], form: str = ".0f") -> str:
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


if __name__ == "__main__":
    main()
