"""Starts a run on one machine: ``make run``, ``make tour``.

Holds a lock on the run's folder. Who holds it knows that no other launch is at work there, and
can tell a Snakemake lock that a killed run left behind from that of a run still alive.
"""

from __future__ import annotations

import argparse
import fcntl
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from groundsynth.configuration import check_configuration
from groundsynth.configuration_files import SCHEMA, overlaid
from groundsynth.errors import GroundsynthError, InputError, StateError
from groundsynth.failed_jobs import read_failed, summary
from groundsynth.figures.headline import spoken
from groundsynth.figures.terminal import aligned
from groundsynth.files import read_json
from groundsynth.sources.area import tiles_of_configured
from groundsynth.system_processes import descendants, snakemakes_in, stop_command

ROOT = Path(__file__).resolve().parents[2]
LEAVING_SECONDS = 10.0
"""How long a killed launch may take to leave: on a busy machine its processes die slowly."""
IDLE_SECONDS = 20.0
"""How long a Snakemake that was asked to leave, and has no job any more, is waited for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the workflow in a folder and say where the report is; returns Snakemake's exit code."""
    options = _parser().parse_args(arguments)
    try:
        return launch(options.directory, options.configuration, options.profile, options.words)
    except GroundsynthError as error:
        print(f"groundsynth: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m groundsynth.launch", description=__doc__)
    parser.add_argument("--directory", type=Path, help="the run's folder (default: see above)")
    parser.add_argument("--configuration", type=Path, required=True, help="a YAML overlay")
    parser.add_argument("--profile", default="demo", help="a folder under profiles/")
    parser.add_argument("words", nargs="*", help="stage targets or Snakemake options, after --")
    return parser


def launch(
    directory: Path | None, configuration: Path, profile: str, words: Sequence[str] = ()
) -> int:
    """Run the workflow with ``configuration`` in ``directory``, its own folder by default."""
    if not configuration.is_file():
        raise InputError(
            f"The configuration {configuration} does not exist; name a YAML file, as in 'make run "
            "CONFIG=my.yaml'."
        )
    folder = (directory or configuration.parent).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The run's folder {folder} cannot be made ({error.strerror}); name another one, as in "
            "'make run DIRECTORY=folder'."
        ) from None
    if not any(word.startswith(("--config", "-C")) for word in words):  # which may change all
        _check(configuration.resolve(), folder)
    started = time.time()
    with only_launch(folder) as (lock, killed_here), TemporaryDirectory() as scratch:
        failures = Path(scratch, "failed.json")
        command = _command(configuration.resolve(), folder, profile, failures)
        if killed_here and release_stale_lock(folder):
            print(f"The last run in {folder} was killed: going on where it stopped.", flush=True)
        code, stopped = _supervise([*command, *words], folder, lock)
        if code < 0:  # killed: it could not remove its own lock
            release_stale_lock(folder)
            print(f"Snakemake was killed (signal {-code}): start again to go on.", file=sys.stderr)
            code = 128 - code
        if failed := read_failed(failures, before=stopped):
            print(f"\n{summary(failed, folder)}", file=sys.stderr, flush=True)
    if code == 0 and not words:
        _say_result(folder, started)
    return code


def _command(configuration: Path, folder: Path, profile: str, failures: Path) -> list[str]:
    """How Snakemake is started; it lists failed jobs in the JSON file ``failures``."""
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--configfile", str(configuration), "--directory", str(folder)),
        *("--logger", "groundsynth", "--logger-groundsynth-failures", str(failures)),
        *("--profile", str(ROOT / "profiles" / profile)),  # one value: words may follow
    ]


def _check(configuration: Path, folder: Path) -> None:
    """Raise GroundsynthError for what cannot work, before Snakemake takes its seconds to start.

    The Snakefile checks the same, for those who start Snakemake themselves.
    """
    config = overlaid([configuration])
    with chdir(folder):  # relative paths count from the run's folder
        check_configuration(config, SCHEMA)
        if config["source"]["kind"] != "rasters":
            tiles_of_configured(config["source"]["area"])


def _lock(descriptor: int, folder: Path) -> None:
    """Take the lock; BlockingIOError when a living Snakemake is at work, or nobody lets go.

    A launch that was killed a moment ago holds it until its last process has left.
    """
    end = time.monotonic() + LEAVING_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if snakemakes_in(folder) or time.monotonic() >= end:
                raise
            time.sleep(0.1)


@contextmanager
def only_launch(folder: Path) -> Iterator[tuple[int, bool]]:
    """Hold the folder's launch lock; StateError in one sentence if another launch holds it.

    Yields the lock's descriptor (a child that inherits it keeps the lock for as long as it lives)
    and whether the last launch was on this host and was killed: it left its record.
    """
    with (folder / ".groundsynth.lock").open("a+") as stream:
        try:
            _lock(stream.fileno(), folder)
        except BlockingIOError:
            stream.seek(0)
            alive = snakemakes_in(folder) or stream.read().split()[:1] or ["unknown"]
            raise StateError(
                f"A run is already at work in {folder} (process {', '.join(alive)}): wait for it, "
                f"or stop it {stop_command(alive)} and start again."
            ) from None
        except OSError as error:
            raise StateError(
                f"{folder} lies on a file system without locks ({error.strerror}); put the run "
                "on another one with DIRECTORY=folder."
            ) from None
        stream.seek(0)
        killed_here = stream.read().split()[1:] == [socket.gethostname()]
        stream.truncate(0)
        stream.write(f"{os.getpid()} {socket.gethostname()}\n")
        stream.flush()
        yield stream.fileno(), killed_here
        stream.truncate(0)


def release_stale_lock(folder: Path) -> bool:
    """Remove Snakemake's lock if no Snakemake is alive in the folder; True if there was one.

    Called under the launch lock, after a launch or its Snakemake was killed on this host: only a
    Snakemake started by hand can be alive there; its lock is left alone, and Snakemake says so.
    """
    locks = list((folder / ".snakemake" / "locks").glob("*.lock"))
    if not locks or snakemakes_in(folder):
        return False
    for lock in locks:
        lock.unlink(missing_ok=True)
    return True


def _supervise(command: Sequence[str], folder: Path, lock: int) -> tuple[int, float]:
    """Run Snakemake in the folder; an interrupt reaches it once, and it ends its jobs itself.

    Returns its exit code, and when it was interrupted (seconds since the epoch; infinite if
    never): what fails from then on does so because of it. It inherits the launch lock (its jobs
    do not: ``subprocess`` closes what it is not told to pass), so that a launcher killed alone
    leaves a folder that still counts as at work.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONNOUSERSITE": "1"}
    process = subprocess.Popen(command, env=environment, cwd=folder, pass_fds=[lock])
    interrupts: list[float] = []
    asked: list[float] = []

    def ask(*_: object) -> None:
        process.terminate()
        asked.append(time.monotonic())

    handlers: dict[int, Callable[..., None]] = {signal.SIGTERM: ask}
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as for a script's background job
        handlers[signal.SIGINT] = lambda *_: interrupts.append(time.time())
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        code = _ended(process, asked)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if code and interrupts:
        print("\nStopped. Start again to go on: finished jobs stay.", file=sys.stderr)
    return code, min(interrupts, default=math.inf)


def _ended(process: subprocess.Popen[bytes], asked: Sequence[float]) -> int:
    """Exit code of a Snakemake; ``asked`` are the times at which it was asked to leave.

    It then lets its jobs end. Where they were asked too, it has been seen to wait on without any:
    it is interrupted, and killed if that does not help.
    """
    ways: list[Callable[[], None]] = [process.kill, partial(process.send_signal, signal.SIGINT)]
    since = math.inf
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=1)
        if not asked or descendants([str(process.pid)]):
            since = math.inf
            continue
        since = min(since, time.monotonic())
        if ways and time.monotonic() - since >= IDLE_SECONDS:
            ways.pop()()
            since = math.inf


def _say_result(folder: Path, started: float) -> None:
    """Print how long it took (``started``: seconds since the epoch) and what came out."""
    headline = folder / "results" / "report" / "headline.json"
    if not headline.exists():
        return
    minutes = (time.time() - started) / 60
    new = headline.stat().st_mtime >= started
    print(f"\nDone in {minutes:.1f} minutes." if new else "\nNothing was left to do.")
    for figure in read_json(headline)["figures"]:
        said = spoken(figure)
        remark = f"({said['remark']})" if said["remark"] else ""
        print(f"  {said['name']}: {said['value']} {said['unit']}{remark}".rstrip())
    table = folder / "results" / "tables" / "table3.md"
    if table.exists():
        print(f"\nTable 3: segmentation scores\n{aligned(table.read_text('utf-8'))}\n")
    print(f"Report: {folder / 'results' / 'report' / 'index.html'}")


if __name__ == "__main__":
    sys.exit(main())
