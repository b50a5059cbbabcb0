"""Which jobs of a run failed, and each one's own sentence from the end of its log."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from groundsynth.attempt_log import OPENING
from groundsynth.cli import TIMING
from groundsynth.files import read_json, write_json

MOST = 5
END_BYTES = 65536
"""How much of a log's end is read: after its sentence others may have written a page."""
TRACEBACK = "Traceback (most recent call last):"
LONGEST = 200
"""Characters of a log's line that is quoted."""


@dataclass(frozen=True)
class FailedJob:
    """A job that Snakemake gave up: its rule, wildcards, logs in the run's folder, and when."""

    rule: str
    wildcards: dict[str, str]
    logs: list[str]
    time: float
    """Seconds since the epoch."""

    @property
    def name(self) -> str:
        """The rule with its wildcards in brackets."""
        listed = ", ".join(f"{name}={value}" for name, value in self.wildcards.items())
        return f"{self.rule} ({listed})" if listed else self.rule


def write_failed(path: Path, jobs: Sequence[FailedJob]) -> None:
    """Write the list of failed jobs as JSON, atomically."""
    write_json(path, [asdict(job) for job in jobs])


def read_failed(path: Path, before: float = math.inf) -> list[FailedJob]:
    """The jobs that failed ``before`` a time; none where no list was written."""
    found = [FailedJob(**job) for job in read_json(path)] if path.exists() else []
    return [job for job in found if job.time < before]


def summary(jobs: Sequence[FailedJob], folder: Path) -> str:
    """What to know of the failed jobs of the run in ``folder``: name, sentence and log of each."""
    lines = ["1 job failed:" if len(jobs) == 1 else f"{len(jobs)} jobs failed:"]
    for job in jobs[:MOST]:
        logs = [folder / log for log in job.logs]
        lines += [f"  {job.name}", f"    {last_words(logs, job.rule.replace('_', '-'))}"]
        lines += [f"    log: {log}" for log in logs]
    if len(jobs) > MOST:
        lines.append(f"  and {len(jobs) - MOST} more, whose logs are in {folder / 'logs'}")
    return "\n".join(lines)


def last_words(logs: Sequence[Path], verb: str) -> str:
    """Why a job failed, by the end of its log: its sentence, its error, or that it said nothing."""
    lines = [line for log in logs for line in _last_attempt(log)]
    own = (f"{verb}: ", f"python -m groundsynth {verb}: ")
    for line in reversed(lines):
        if line.startswith(own):
            return line.partition(f"{verb}: ")[2]
    if not lines:
        return "It ended without a word: a signal or too little memory may have ended it."
    end = lines[-1][:LONGEST]
    if TRACEBACK in lines:
        return f"A defect of the program: {end}"
    if end.startswith(TIMING):
        return "It did its work, but then a file that it should leave was not there."
    return (
        f"It ended without a word: a signal or too little memory may have ended it, after '{end}'."
    )


def _last_attempt(log: Path) -> list[str]:
    """Lines of the newest attempt at the end of a log that are not empty; none without a log."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - END_BYTES))
            end = stream.read()
    except OSError:
        return []
    _, opening, newest = end.rpartition(OPENING)
    if opening:
        newest = newest.partition(b"\n")[2]
    return [
        line.rstrip() for line in newest.decode("utf-8", "replace").splitlines() if line.strip()
    ]
