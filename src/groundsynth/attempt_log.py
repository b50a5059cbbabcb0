"""The log of a job that goes on from saved state: no line of an attempt that died is lost.

Snakemake removes a job's log before every attempt, and with it why the one before died. So each
attempt gives its log a second name beside it (a hard link, which outlives the first one):

    logs/train_stylegan.log
    logs/train_stylegan.log.20261121T152423.123456Z.node17.4711

The next attempt, once it holds the state, puts the lines of earlier attempts before its own and
removes their second names; an attempt that succeeds removes its own. Jobs without state are short
and done again from the start: their log is that of the newest attempt.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

OPENING = b"== attempt "
STDERR = 2
LAST_WORDS_SECONDS = 1.0
"""From letting go of the state to the sentence that says why."""


def begin_attempt(verb: str) -> None:
    """Say who begins here and when, and give the log its second name.

    Does nothing where standard error is no file (a terminal, a pipe), and in the further
    processes of a training, whose first one does it.
    """
    log = _log_of_this_process()
    if log is None or not (_is_first_process() and _is_own(log)):
        return
    number = _number(log)
    now, host = datetime.now(UTC), os.uname().nodename
    job = os.environ.get("SLURM_JOB_ID")
    about = f"{number}, {now:%Y-%m-%d %H:%M:%S} UTC: {verb} on {host}, process {os.getpid()}"
    print(
        f"{OPENING.decode()}{about}{f', job {job}' if job else ''} ==", file=sys.stderr, flush=True
    )
    second = log.with_name(f"{log.name}.{now:%Y%m%dT%H%M%S.%f}Z.{host}.{os.getpid()}")
    try:
        second.hardlink_to(log)
    except OSError as error:
        print(
            f"{log} can have no second name here ({error.strerror}): another attempt will not "
            "show the lines of this one.",
            file=sys.stderr,
            flush=True,
        )


def take_over_attempts(waited: bool) -> None:
    """Put the lines of earlier attempts before those of this one.

    To be called by who holds the job's state. One who ``waited`` for it gives who let go of it a
    moment for its last words. The file is never cut, so that a kill in between costs no line.
    """
    log = _log_of_this_process()
    earlier = [] if log is None else _earlier(log)
    if not earlier:
        return
    if waited:
        time.sleep(LAST_WORDS_SECONDS)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with suppress(OSError):  # a log is not worth a training: the second names stay
        own = Path(f"/proc/self/fd/{STDERR}").read_bytes()
        lines = b"".join(_lines(path) for path in earlier) + own
        written = os.pwrite(STDERR, lines, 0)
        os.lseek(STDERR, written, os.SEEK_SET)
        for path in earlier if written == len(lines) else ():  # else the disk is full
            path.unlink(missing_ok=True)


def end_attempt() -> None:
    """Remove the log's second name: the job is done.

    It stays where the log is no longer this attempt's, because a newer one waits for its end, and
    while the first process of a training is still at work.
    """
    log = _log_of_this_process()
    if log is None or not (_is_first_process() and _is_own(log)):
        return
    for path in filter(_is_own, _second_names(log)):
        with suppress(OSError):  # the job is done, whatever becomes of a name
            path.unlink()


def _is_first_process() -> bool:
    """Whether this process is alone, or the first of a training's."""
    return os.environ.get("RANK", "0") == "0"


def _number(log: Path) -> int:
    """Number of this attempt; 1 where an earlier one's lines cannot be read.

    A network file system refuses what another node has just removed with an error of its own.
    """
    try:
        return 1 + sum(_lines(path).count(OPENING) for path in _earlier(log))
    except OSError:
        return 1


def _log_of_this_process() -> Path | None:
    """The file that standard error goes to, by the name it was opened with; None if there is none.

    The name may be gone, or another attempt's by now.
    """
    try:
        if not stat.S_ISREG(os.fstat(STDERR).st_mode):
            return None
        name = Path(f"/proc/self/fd/{STDERR}").readlink()
    except OSError:
        return None
    return name.with_name(name.name.removesuffix(" (deleted)"))


def _second_names(log: Path) -> list[Path]:
    """Second names of the logs of all attempts, oldest first."""
    prefix = f"{log.name}.2"  # of the year
    with suppress(OSError):
        return sorted(path for path in log.parent.iterdir() if path.name.startswith(prefix))
    return []


def _earlier(log: Path) -> list[Path]:
    """Second names of earlier attempts' logs; a later attempt waits for this one."""
    names = _second_names(log)
    return names[: next((place for place, name in enumerate(names) if _is_own(name)), len(names))]


def _lines(path: Path) -> bytes:
    """What an attempt said; nothing where it has just ended well and removed the name."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _is_own(path: Path) -> bool:
    """Whether a path is the file that standard error goes to."""
    try:
        return os.path.samestat(path.stat(), os.fstat(STDERR))
    except OSError:
        return False
