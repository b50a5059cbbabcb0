"""What /proc tells of the processes of runs on this machine, and how to stop them."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


def snakemakes_in(folder: Path) -> list[str]:
    """Numbers of this machine's processes that run Snakemake in the folder, and are not killed."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            here = (process / "cwd").resolve() == folder and not _killed(process)
        except OSError:  # ended meanwhile, or another user's
            continue
        if here and any(Path(os.fsdecode(word)).name == "snakemake" for word in words[:4]):
            found.append(process.name)
    return found


def _killed(process: Path) -> bool:
    """Whether a process (its folder in /proc) has got a SIGKILL and is about to leave."""
    return has_signal(process, "ShdPnd", signal.SIGKILL)


def has_signal(process: Path, mask: str, number: signal.Signals) -> bool:
    """Whether a signal stands in one of the masks that /proc tells of a process."""
    status = (process / "status").read_text("utf-8")
    return bool(int(status.partition(f"{mask}:")[2].split()[0], 16) & 1 << (number - 1))


def stop_command(processes: Sequence[str]) -> str:
    """How to stop these processes: a run that a script put in the background ignores SIGINT.

    Snakemake waits for its jobs, and leaves it to the terminal to interrupt them.
    """
    with suppress(OSError):  # ended meanwhile, or on another machine
        if any(has_signal(Path("/proc", p), "SigIgn", signal.SIGINT) for p in processes):
            return f"after the jobs under way with 'kill -TERM {' '.join(processes)}'"
    return f"with 'kill -INT {' '.join([*processes, *descendants(processes)])}'"


def descendants(processes: Sequence[str]) -> list[str]:
    """Numbers of the processes that these have started, and those in turn."""
    parents: dict[str, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended meanwhile
            state, parent = (process / "stat").read_text("utf-8").rpartition(")")[2].split()[:2]
            if state != "Z":  # ended, but for its parent's notice
                parents[process.name] = parent
    found, known = [], set(processes)
    while new := [child for child, parent in parents.items() if parent in known - {child}]:
        found += new
        known |= set(new)
        for child in new:
            del parents[child]
    return found
