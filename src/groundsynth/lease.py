"""A lease on a folder: one process at a time, known by a heartbeat.

When the driver of a workflow dies, its cluster jobs go on; a new driver starts the same jobs
again. The second attempt finds the lease of the first and waits until that one has finished or
its heartbeat has stopped.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from groundsynth.errors import InputError, StateError
from groundsynth.files import read_json

NAME = "lease.json"
HEARTBEAT_SECONDS = 10.0
STALE_SECONDS = 90.0
POLL_SECONDS = 1.0


@contextmanager
def hold_lease(folder: Path, give_up: Callable[[], bool]) -> Iterator[bool]:
    """Hold the folder's lease within the block; yields whether another holder was waited for.

    A holder on this host whose process is dead loses the lease at once; one on another host
    when its heartbeat has stood still for STALE_SECONDS by this process's own clock (clocks of
    two hosts are never compared). Raises StateError, naming the holder, when ``give_up()``
    becomes true first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    waited = False
    while not _create(path):
        waited = _wait_for_release(path, give_up) or waited
        folder.mkdir(
            parents=True, exist_ok=True
        )  # a finished holder removes the folder
    stop = threading.Event()
    beat = threading.Thread(target=_heartbeat, args=(path, stop), daemon=True)
    beat.start()
    try:
        yield waited
    finally:
        stop.set()
        beat.join()
        path.unlink(missing_ok=True)


def _identity() -> dict[str, Any]:
    """Who runs here: scheduler job (if any), host, process, and when the process began."""
    return {
        "job": os.environ.get("SLURM_JOB_ID"),
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "began": _process_start(os.getpid()),
    }


def _process_start(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot; None when there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def _create(path: Path) -> bool:
    """Create the lease file whole, by a hard link, which fails if it exists; True if created."""
    own = path.with_name(f"lease.{os.uname().nodename}.{os.getpid()}")
    own.write_text(json.dumps(_identity()), "utf-8")
    try:
        os.link(own, path)
    except FileExistsError:
        return False
    finally:
        own.unlink(missing_ok=True)
    return True


def _wait_for_release(path: Path, give_up: Callable[[], bool]) -> bool:
    """Wait until the lease at ``path`` is gone or dead; True if a live holder was waited for."""
    waited = False
    last_beat, seen = -1.0, time.monotonic()
    announced = 0.0
    while True:
        try:
            beat = path.stat().st_mtime
            holder = read_json(path)
        except (FileNotFoundError, InputError):
            return waited
        if _is_dead(holder):
            _take_away(path, holder)
            return waited
        if beat != last_beat:
            last_beat, seen = beat, time.monotonic()
        elif time.monotonic() - seen >= STALE_SECONDS:
            _take_away(path, holder)
            return waited
        if give_up():
            raise StateError(
                f"{path.parent} is held by {_name(holder)}, which is still at work; wait for it "
                "or cancel it, then start again."
            )
        if time.monotonic() - announced >= 60:
            announced = time.monotonic()
            print(
                f"{path.parent} is held by {_name(holder)}: waiting.", file=sys.stderr
            )
        waited = True
        time.sleep(POLL_SECONDS)


def _take_away(path: Path, holder: dict[str, Any]) -> None:
    """Remove the dead ``holder``'s lease, but not one that another process took meanwhile."""
    aside = path.with_name(f"lease.taken.{os.uname().nodename}.{os.getpid()}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    if read_json(aside) != holder:
        with suppress(FileExistsError):
            os.link(aside, path)
    aside.unlink()


def _is_dead(holder: dict[str, Any]) -> bool:
    """Whether the holder ran on this host and its process is gone."""
    if holder.get("host") != os.uname().nodename:
        return False
    return _process_start(int(holder.get("pid", -1))) != holder.get("began")


def _name(holder: dict[str, Any]) -> str:
    job = f"job {holder['job']}, " if holder.get("job") else ""
    return f"{job}process {holder.get('pid')} on {holder.get('host')}"


def _heartbeat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_SECONDS):
        try:
            os.utime(path)
        except FileNotFoundError:
            return
