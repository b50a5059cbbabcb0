"""Comparison of two run folders, and the processes that work in one."""

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import load_file

TIMES = {"time", "seconds"}
"""Provenance and history entries that no two runs share."""
TOLERANCE = 1e-5


def every_process() -> list[int]:
    """Numbers of the processes of this machine."""
    return [int(process.name) for process in Path("/proc").glob("[0-9]*")]


def processes_in(folder: Path) -> list[int]:
    """Processes that work in a folder."""
    found = []
    for process in every_process():
        with suppress(OSError):  # ended meanwhile, or another user's
            if Path(f"/proc/{process}/cwd").resolve(strict=True) == folder:
                found.append(process)
    return found


def verb_of(process: int) -> str | None:
    """The verb that a process runs itself; None for a shell or Snakemake around it."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return words[3].decode() if words[:3] == [b"python", b"-m", b"groundsynth"] else None


def content_of(path: Path) -> Any:
    """What a file says, without the times; only that it is there for pictures and pages."""
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".safetensors":
        return load_file(path)
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return {name: table[name].to_pylist() for name in table.column_names if name not in TIMES}
    if path.suffix == ".json":
        return json.loads(path.read_text("utf-8"))
    return path.read_bytes() if path.suffix in {".csv", ".md", ".tif"} else None


def equal(a: Any, b: Any) -> bool:
    """Whether two contents are equal, numbers within the tolerance and times left out."""
    if isinstance(a, dict) and isinstance(b, dict):
        keys = a.keys() - TIMES
        return keys == b.keys() - TIMES and all(equal(a[key], b[key]) for key in keys)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and np.allclose(a, b, rtol=0, atol=TOLERANCE)
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=0, abs_tol=TOLERANCE) or (math.isnan(a) and math.isnan(b))
    return bool(a == b)


def files_of(run: Path) -> dict[str, Path]:
    """Everything that a run declares as its results, by name."""
    return {
        str(path.relative_to(run)): path
        for folder in ("resources", "results")
        for path in (run / folder).rglob("*")
        if path.is_file()
    }


def differing(run: Path, other: Path) -> list[str]:
    """Names of the results that only one run has, or whose contents differ."""
    found, expected = files_of(run), files_of(other)
    names = found.keys() & expected.keys()
    unequal = [n for n in names if not equal(content_of(found[n]), content_of(expected[n]))]
    return sorted([*(found.keys() ^ expected.keys()), *unequal])


def leftovers(run: Path) -> list[Path]:
    """Saved states, half-written files and second names of logs, which no finished run has."""
    parts = [path for path in run.rglob("*.part*") if ".snakemake" not in path.parts]
    parts += (run / "logs").rglob("*.log.*")
    return parts + [path for path in (run / "work").rglob("*") if path.is_file()]
