"""A run that is killed again and again ends with the results of one that was not."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from runs import differing, every_process, leftovers, processes_in

SEED = 4
MOMENTS = (
    "logs/cut_patches/*.log",
    "work/train_stylegan/checkpoint.pt",
    "work/train_segmentation/*/*/*/checkpoint.pt",
    "logs/caption_grammar/*/*/*.log",
    "logs/write_report.log",
)
"""Files whose appearance, and up to a second more, is followed by a kill."""


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
    assert not differing(run, micro_run)
    assert not leftovers(run)


def test_a_log_holds_what_the_killed_attempt_said(
    launcher: Callable[..., "subprocess.Popen[str]"], micro: Path, tmp_path: Path
) -> None:
    """Snakemake removes a job's log before it starts the job again."""
    run = tmp_path / "run"
    logs = run / "logs" / "caption_grammar" / "grammar_hybrid" / "real"
    launched = launcher(micro, run, "captions")
    while not list(logs.glob("*.log.*")):  # the job has begun, and has yet to import what it needs
        assert launched.poll() is None, (tmp_path / "run.log").read_text("utf-8")
        time.sleep(0.01)
    kill(launched, run, jobs_too=True)
    (killed,) = openings(logs / "N36E030.log")
    assert launcher(micro, run, "captions").wait() == 0, (tmp_path / "run.log").read_text("utf-8")

    first, second = openings(logs / "N36E030.log")
    assert first == killed
    assert first.startswith("== attempt 1, ")
    assert second.startswith("== attempt 2, ")
    assert not leftovers(run)
    assert not openings(run / "logs" / "cut_patches" / "N36E030.log")


def openings(log: Path) -> list[str]:
    """The lines that attempts open with."""
    lines = log.read_text("utf-8").splitlines()
    return [line for line in lines if line.startswith("== attempt ")]
