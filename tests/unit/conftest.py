"""Faults to test with: processes that hold a state folder and are killed, a disk that is full."""

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

JOB = Path(__file__).with_name("counting_job.py")


class Job:
    """A counting job in a process of its own; SIGINT reaches it unless it is to be ignored."""

    def __init__(
        self, folder: Path, *options: str, ignoring: bool = False, log: str | None = None
    ) -> None:
        self.state, self.output = folder / "state", folder / "output.json"
        self.hold = folder / "hold"
        self.errors = folder / (log or f"errors-{time.monotonic_ns()}.log")
        self.errors.unlink(missing_ok=True)  # as Snakemake does before each attempt
        words = ["--state", str(self.state), "--output", str(self.output), *options]
        with self.errors.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, str(JOB), *words],
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                preexec_fn=partial(set_interrupts, signal.SIG_IGN if ignoring else signal.SIG_DFL),
            )

    def begun(self) -> str:
        """The job's first line; returns once the job holds the state (or has finished)."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def message(self) -> str:
        """What the job has said on standard error so far."""
        return self.errors.read_text()

    def says(self, text: str) -> None:
        """Wait until the job has said ``text`` on standard error."""
        until(lambda: text in self.message(), f"{text!r} in {self.message()!r}")

    def ends(self) -> int:
        """Exit code of the job."""
        return self.process.wait(timeout=120)


def set_interrupts(handler: signal.Handlers) -> None:
    """Ignore SIGINT or not, whatever the tests were started with: a process inherits it."""
    signal.signal(signal.SIGINT, handler)


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """No file can grow beyond ``size`` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until ``true()`` holds; an error that says ``what`` was missing otherwise."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.01)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Job]]:
    """Start a counting job on one state folder; ``holding=True`` keeps it at work.

    ``ignoring=True`` starts it as a script starts what it puts in the background: with SIGINT
    ignored. ``log`` is the name of its log, which is made anew.
    """
    jobs: list[Job] = []

    def start_job(
        *options: str, holding: bool = False, ignoring: bool = False, log: str | None = None
    ) -> Job:
        if holding:
            (tmp_path / "hold").touch()
            options = (*options, "--hold", str(tmp_path / "hold"))
        jobs.append(Job(tmp_path, *options, ignoring=ignoring, log=log))
        return jobs[-1]

    yield start_job
    for job in jobs:
        if job.process.poll() is None:
            job.process.kill()
        job.process.communicate()
