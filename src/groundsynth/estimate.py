"""What a configuration will cost in jobs, files and disk, before anything runs.

Jobs and files are those of Snakemake's own plan, made in an empty folder. Bytes of shards follow
from their shapes and are exact for synthetic images; for real patches they are an upper bound
(every candidate kept) unless the expected number is given. Clusters limit both bytes and files.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groundsynth.configuration import check_configuration
from groundsynth.configuration_files import SCHEMA, overlaid
from groundsynth.errors import ConfigurationError
from groundsynth.pilot import read_pilot
from groundsynth.running_time import durations, time_report
from groundsynth.sources.area import tiles_of_configured
from groundsynth.sources.grid import TILE_PIXELS
from groundsynth.workload import Run, shards_in

ROOT = Path(__file__).resolve().parents[2]
LABEL_BYTES_A_PIXEL = 0.1
"""Size of a published label tile (deflate): about 0.1 byte a pixel."""
CAPTION_BYTES, FEATURE_BYTES = 250, 4 * 2048


@dataclass
class Estimate:
    """Jobs by rule, and files and bytes by kind of file."""

    jobs: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)


def estimate(
    *, configuration: list[Path], patches: int | None = None, times: Path | None = None
) -> None:
    """Print the jobs, files and gigabytes of a run, and its running time by a finished run.

    ``configuration`` lists overlays of config/config.yaml (none: the paper's own); ``patches``
    is the expected number of real patches, where it is known; ``times`` is the folder of a
    finished run, whose rates are taken where it ran under the same settings.
    """
    merged = merged_configuration(configuration)
    check_configuration(merged, SCHEMA)  # its sentence within a second, not after Snakemake's start
    pilot = None if times is None else read_pilot(times)  # before the plan, which takes a while
    files, jobs = planned(merged)
    print(report(estimated(files, jobs, merged, patches), patches is None))
    if pilot is not None:
        run = Run(files, expected_rows(files, merged, patches), merged)
        print("\n" + time_report(durations(run, jobs, pilot), pilot))


def expected_rows(
    files: Iterable[str], config: dict[str, Any], patches: int | None
) -> dict[tuple[str, str], float]:
    """Images expected of each shard, by population and shard: real ones in equal parts."""
    names = [Path(f).name.removesuffix(".counts.json") for f in files if f.endswith("counts.json")]
    real = candidates(config) if patches is None else patches
    rows = {("real", name): real / len(names) for name in names}
    for population in ("unconditional", "conditional"):
        rows |= shards_in(config, population)
    return rows


def merged_configuration(overlays: Iterable[Path]) -> dict[str, Any]:
    """config/config.yaml with the overlays laid over it, as Snakemake merges them.

    Relative paths become absolute: in a run they count from the overlay's folder.
    """
    return overlaid(overlays, absolute=True)


def planned(config: dict[str, Any]) -> tuple[list[str], Counter[str]]:
    """Every output file, and the jobs of each rule, that Snakemake would make from nothing."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        overlay = Path(folder) / "merged.json"
        overlay.write_text(json.dumps(config), "utf-8")
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
        command += ["--directory", folder, "--configfile", str(overlay)]
        summary = pool.submit(_answer, [*command, "--summary"])
        stats = pool.submit(_answer, [*command, "--dry-run", "--quiet", "reason"])
        rows = csv.DictReader(summary.result().splitlines(), delimiter="\t")
        return [row["output_file"] for row in rows], jobs_of(stats.result())


def _answer(command: list[str]) -> str:
    answer = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    if answer.returncode:
        raise ConfigurationError(_sentence_of(answer.stderr))
    return answer.stdout


def _sentence_of(said: str) -> str:
    """What Snakemake says is wrong, without the places in its files."""
    lines = [line for line in said.splitlines() if line.strip()]
    sentences = [line for line in lines if not line.startswith("  File ")]
    return sentences[-1].strip() if sentences else "Snakemake could not make its plan."


def jobs_of(dry_run: str) -> Counter[str]:
    """Jobs of each rule from the table that a dry run prints (the targets' own line left out)."""
    table = dry_run.partition("Job stats:")[2]
    rows = re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)
    return Counter({rule: int(count) for rule, count in rows if rule not in ("all", "total")})


def estimated(
    files: list[str], jobs: Counter[str], config: dict[str, Any], patches: int | None
) -> Estimate:
    """Sum the plan up; every job also leaves a log and a benchmark file."""
    total = Estimate(jobs=jobs)
    total.files["logs and benchmarks"] = 2 * sum(jobs.values())
    real = patches if patches is not None else candidates(config)
    share = real / max(1, sum(name.endswith("counts.json") for name in files))
    for name in files:
        kind, size = _kind_and_bytes(name, config, share)
        total.files[kind] += 1
        total.bytes[kind] += round(size)
    return total


def candidates(config: dict[str, Any]) -> int:
    """Number of places where a patch may be cut."""
    source, patch = config["source"], config["patches"]
    if source["kind"] == "rasters":
        from groundsynth.sources.rasters import open_imagery

        shapes = []
        for pair in source["rasters"].values():
            with open_imagery(Path(pair["imagery"]), source["bands"]) as raster:
                shapes.append((raster.height, raster.width))
    else:
        side = _tile_pixels(config)
        with tempfile.TemporaryDirectory() as folder:
            tiles = tiles_of_configured(source["area"], Path(folder) / "area.json")
        shapes = [(side, side)] * len(tiles)

    def fitting(length: int) -> int:
        return max(0, (length - patch["size"]) // patch["stride"] + 1)

    return sum(fitting(height) * fitting(width) for height, width in shapes)


def _tile_pixels(config: dict[str, Any]) -> int:
    simulated = config["source"]["kind"] == "simulated"
    return config["source"]["simulated"]["pixels_per_degree"] if simulated else TILE_PIXELS


def _kind_and_bytes(name: str, config: dict[str, Any], real_rows: float) -> tuple[str, float]:
    """Kind of an output file by its place, and its size in bytes."""
    pixels = config["patches"]["size"] ** 2
    rows = real_rows if "/real/" in name else _synthetic_rows(name, config)
    side = _tile_pixels(config)
    if name.endswith(".images.npy"):
        return "shards", 3.0 * pixels * rows
    if name.endswith(".masks.npy"):
        return "shards", 1.0 * pixels * rows
    if "/imagery/" in name and name.endswith(".tif"):
        return "imagery tiles", 8.0 * side**2
    if "/labels/" in name and name.endswith(".tif"):
        return "label tiles", LABEL_BYTES_A_PIXEL * 9 * side**2
    if name.startswith("results/captions/"):
        return "captions", CAPTION_BYTES * rows
    if name.startswith("results/features/"):
        return "features", FEATURE_BYTES * rows
    return "models, tables, figures", 0.0


def _synthetic_rows(name: str, config: dict[str, Any]) -> float:
    for population in ("unconditional", "conditional"):
        if f"/{population}/" in name:
            section = config["synthesis"][population]
            shard = Path(name).name.split(".")[0]
            first = int(shard) * section["shard_size"] if shard.isdigit() else 0
            return float(min(section["shard_size"], section["samples"] - first))
    return 0.0


def report(total: Estimate, upper_bound: bool) -> str:
    """The estimate as a table."""
    lines = [f"{'kind':<26}{'files':>8}{'GB':>10}"]
    for kind in sorted(total.files, key=lambda k: (-total.bytes[k], k)):
        lines.append(f"{kind:<26}{total.files[kind]:>8,}{total.bytes[kind] / 1e9:>10.1f}")
    everything = sum(total.bytes.values()) / 1e9
    lines.append(f"{'together':<26}{sum(total.files.values()):>8,}{everything:>10.1f}")
    jobs = ", ".join(f"{rule} {count}" for rule, count in sorted(total.jobs.items()))
    lines += ["", f"{sum(total.jobs.values()):,} jobs (Snakemake counts `all` too): {jobs}"]
    if upper_bound:
        lines.append(
            "Real patches: every candidate is counted; give PATCHES=N (--patches N) if known."
        )
    lines.append("Imagery tiles: uncompressed size, an upper bound; models are not counted in GB.")
    return "\n".join(lines)
