"""A lease on a folder: one process at a time, known by a heartbeat.

When the driver of a workflow dies, its cluster jobs go on; a new driver starts the same jobs
again. The second attempt finds the lease of the first and waits until that one has finished or
its heartbeat has stopped.
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from groundsynth.errors import StateError
from groundsynth.files import writing

NAME = "lease.json"
HEARTBEAT_SECONDS = 10.0
STALE_SECONDS = 90.0
POLL_SECONDS = 1.0
ANNOUNCE_SECONDS = 60.0


@contextmanager
def hold_lease(
    folder: Path, give_up: Callable[[], bool], lost: threading.Event | None = None
) -> Iterator[bool]:
    """Hold the folder's lease within the block; yields whether another holder was waited for.

    A holder on this host loses the lease when its process is dead, and at once; one on another
    host when its heartbeat has stood still for STALE_SECONDS by this process's own clock (clocks
    of two hosts are never compared). Raises StateError, naming the holder, when ``give_up()``
    becomes true first. ``lost`` is set when another process took the lease away from this one,
    which can happen after it stood still itself.
    """
    path = folder / NAME
    own = json.dumps(_identity()).encode()
    waited = False
    while not _create(path, own):
        waited = _wait_for_release(path, give_up) or waited
    stop = threading.Event()
    beat = threading.Thread(
        target=_heartbeat, args=(path, own, stop, lost or threading.Event()), daemon=True
    )
    beat.start()
    try:
        yield waited
    finally:
        stop.set()
        beat.join()
        if _look(path)[0] == own:
            path.unlink(missing_ok=True)


def _identity() -> dict[str, Any]:
    """Who runs here: scheduler job (if any), host, process, and when the process began."""
    return {
        "job": os.environ.get("SLURM_JOB_ID"),
        "host": os.uname().nodename,
        "machine": _machine(),
        "pid": os.getpid(),
        "began": _process_start(os.getpid()),
        "lease": uuid.uuid4().hex,
    }


def _machine() -> str | None:
    """This boot of this kernel and the process namespace: where a process id means anything.

    Host names alone do not tell: cluster nodes and containers may share one.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return None


def _process_start(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot; None when there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _create(path: Path, own: bytes) -> bool:
    """Create the lease file unless there is one, and its folder; True if created."""
    with writing(path):
        while True:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with path.open("xb") as stream:
                    stream.write(own)
            except FileExistsError:
                return False
            except FileNotFoundError:
                continue  # the holder before has just removed the folder
            return True


def _look(path: Path) -> tuple[bytes, float]:
    """Content and last heartbeat of the lease; an empty content and -1 when there is none.

    Both come from one open file: a network file system asks the server again when a file is
    opened, not when its times are asked for.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(), os.fstat(stream.fileno()).st_mtime
    except OSError:
        return b"", -1.0


def _wait_for_release(path: Path, give_up: Callable[[], bool]) -> bool:
    """Wait until the lease at ``path`` is gone or dead; True unless a dead one was met at once."""
    last, since, announced = _look(path), time.monotonic(), -math.inf
    waited = False
    while path.exists():
        seen, now = _look(path), time.monotonic()
        holder = _parse(seen[0])
        here = _is_here(holder)
        if here and not _is_alive(holder):
            _take_away(path, seen[0])
            return waited
        if seen != last:
            last, since = seen, now
        elif not here and now - since >= STALE_SECONDS:
            _take_away(path, seen[0])
            return True
        if give_up():
            raise StateError(
                f"{path.parent} is held by {_name(holder)}, which is still at work; wait for it "
                "or cancel it, then start again."
            )
        if now - announced >= ANNOUNCE_SECONDS:
            announced = now
            print(f"{path.parent} is held by {_name(holder)}: waiting.", file=sys.stderr)
        waited = True
        time.sleep(POLL_SECONDS)
    return True


def _parse(content: bytes) -> dict[str, Any]:
    """The holder that a lease names; nobody known where the file is empty or broken."""
    try:
        holder = json.loads(content)
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}


def _take_away(path: Path, dead: bytes) -> None:
    """Remove the lease of a dead holder, but not one that another process took meanwhile."""
    aside = path.with_name(f"lease.taken.{os.uname().nodename}.{os.getpid()}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    if _look(aside)[0] == dead:
        aside.unlink(missing_ok=True)
    else:
        with suppress(FileNotFoundError):  # removed with the state: its holder renews it
            aside.rename(path)


def _is_here(holder: dict[str, Any]) -> bool:
    """Whether the holder's process id can be looked up by this process."""
    return holder.get("host") == os.uname().nodename and holder.get("machine") == _machine()


def _is_alive(holder: dict[str, Any]) -> bool:
    """Whether the process of a holder that is here is the one that took the lease."""
    return _process_start(int(holder.get("pid", -1))) == holder.get("began")


def _name(holder: dict[str, Any]) -> str:
    if not holder:
        return "an unknown process"
    job = f"job {holder['job']}, " if holder.get("job") else ""
    return f"{job}process {holder.get('pid')} on {holder.get('host')}"


def _heartbeat(path: Path, own: bytes, stop: threading.Event, lost: threading.Event) -> None:
    """Touch the lease now and then; put it back where it was removed; notice a new holder."""
    while not stop.wait(HEARTBEAT_SECONDS):
        with suppress(OSError):  # a file system that is away for a moment
            if not path.exists():
                _create(path, own)
            elif (found := _look(path)[0]) and found != own:
                lost.set()
                return
            else:
                os.utime(path)
