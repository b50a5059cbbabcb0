"""A run that is killed again and again ends with the results of one that was not."""

import json
import math
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import load_file

SEED = 4
MOMENTS = (
    "logs/cut_patches/*.log",
    "work/train_stylegan/checkpoint.pt",
    "work/train_segmentation/*/*/*/checkpoint.pt",
    "logs/caption_grammar/*/*/*.log",
    "logs/write_report.log",
)
"""Files whose appearance, and up to a second more, is followed by a kill."""
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


def kill(launched: "subprocess.Popen[str]", folder: Path, jobs_too: bool) -> None:
    """End the launcher, Snakemake and, if so wished, the jobs at once, without a warning.

    The launcher is held still while its child is looked for, so that none is started meanwhile.
    """
    launched.send_signal(signal.SIGSTOP)
    children = [process for process in every_process() if parent_of(process) == launched.pid]
    for victim in (*children, launched.pid):
        end(victim)
    launched.wait()
    while jobs_too and (jobs := processes_in(folder)):
        for job in jobs:
            end(job)


def end(process: int) -> None:
    """SIGKILL for a process that may have ended by itself."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def parent_of(process: int) -> int:
    """Parent of a process; 0 if there is no such process."""
    try:
        status = Path(f"/proc/{process}/stat").read_text("utf-8")
    except OSError:
        return 0
    return int(status.rpartition(")")[2].split()[1])


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


def test_killed_and_started_again_until_done(
    launcher: Callable[..., "subprocess.Popen[str]"], micro: Path, micro_run: Path, tmp_path: Path
) -> None:
    choice = random.Random(SEED)
    run = tmp_path / "run"
    for number, moment in enumerate(MOMENTS):
        launched = launcher(micro, run)
        while not list(run.glob(moment)):
            assert launched.poll() is None, (tmp_path / "run.log").read_text("utf-8")
            time.sleep(0.01)
        time.sleep(choice.random())
        kill(launched, run, jobs_too=number % 2 == 0)
    assert launcher(micro, run).wait() == 0, (tmp_path / "run.log").read_text("utf-8")

    assert not processes_in(run)
    expected, found = files_of(micro_run), files_of(run)
    assert found.keys() == expected.keys()
    differing = [
        name for name in found if not equal(content_of(found[name]), content_of(expected[name]))
    ]
    assert not differing
    assert not [path for path in (run / "work").rglob("*") if path.is_file()]
    assert not [path for path in run.rglob("*.part*") if ".snakemake" not in path.parts]
