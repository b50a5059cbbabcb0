"""Logs of jobs that are killed and done again: Snakemake removes them, their lines stay."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from groundsynth import attempt_log
from groundsynth.attempt_log import begin_attempt, end_attempt, take_over_attempts
from groundsynth.cli import TIMING
from groundsynth.figures.ledger import read_ledger

from .conftest import Job

OPENING = re.compile(
    r"== attempt (\d+), \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: count on (\S+), "
    r"process (\d+)(, job 77)? =="
)
LOG = "count.log"
Start = Callable[..., Job]


def openings(lines: list[str]) -> list[tuple[int, int]]:
    """Attempt and process of each opening line."""
    found = [match for line in lines if (match := OPENING.fullmatch(line))]
    assert {match[2] for match in found} == {os.uname().nodename}
    return [(int(match[1]), int(match[3])) for match in found]


def test_a_log_holds_the_lines_of_all_attempts_in_order(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    killed = start(holding=True, log=LOG)
    killed.begun()
    killed.process.kill()
    killed.ends()
    with killed.errors.open("a") as stream:
        stream.write("Bus error: why it died\n")
    stopped = start(holding=True, log=LOG)
    assert stopped.begun() == "began at 5"
    stopped.process.terminate()
    assert stopped.ends() == 143
    last = start(log=LOG)
    stopped.hold.unlink()
    assert last.ends() == 0
    lines = last.message().splitlines()
    jobs = [killed, stopped, last]
    assert openings(lines) == [(n + 1, job.process.pid) for n, job in enumerate(jobs)]
    assert sum(line.endswith(", job 77 ==") for line in lines) == 3
    said = [line for line in lines if not OPENING.fullmatch(line)]
    assert said[0] == "Bus error: why it died"
    assert said[1].startswith("count: Stopped by SIGTERM at the end of the count")
    assert said[2].startswith(TIMING)
    assert len(said) == 3
    assert lines.index(said[0]) == 1
    assert lines[-1] == said[2]
    assert [path.name for path in tmp_path.glob("count.log*")] == [LOG]
    assert [cost.jobs for cost in read_ledger(tmp_path)] == [1]


def test_an_attempt_that_waits_shows_what_the_first_said_to_its_end(
    start: Start, tmp_path: Path
) -> None:
    """As after the death of a driver: the second attempt takes the log's name from the first."""
    first = start(holding=True, log=LOG)
    first.begun()
    second = start(log=LOG)
    second.says("waiting")
    first.process.terminate()
    assert (first.ends(), second.ends()) == (143, 0)
    lines = second.message().splitlines()
    assert openings(lines) == [(1, first.process.pid), (2, second.process.pid)]
    assert lines[1].startswith("count: Stopped by SIGTERM")
    assert "waiting" in lines[3]
    assert [path.name for path in tmp_path.glob("count.log*")] == [LOG]


def test_the_log_of_one_that_finished_meanwhile_is_kept_too(start: Start, tmp_path: Path) -> None:
    first = start(holding=True, log=LOG)
    first.begun()
    second = start(log=LOG)
    second.says("waiting")
    first.hold.unlink()
    assert second.begun() == "finished elsewhere"
    assert (first.ends(), second.ends()) == (0, 0)
    lines = second.message().splitlines()
    assert [line.startswith(TIMING) for line in lines].count(True) == 2
    assert openings(lines) == [(1, first.process.pid), (2, second.process.pid)]
    assert [path.name for path in tmp_path.glob("count.log*")] == [LOG]


def test_a_job_that_is_done_again_begins_a_new_log(start: Start) -> None:
    for _ in range(2):
        job = start(log=LOG)
        assert job.ends() == 0
        assert openings(job.message().splitlines()) == [(1, job.process.pid)]


# In this process


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Let standard error's descriptor be a log that is made anew."""
    path.unlink(missing_ok=True)
    kept = os.dup(2)
    with path.open("wb") as stream:
        os.dup2(stream.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def test_where_a_log_can_have_no_second_name_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: Path, target: Path) -> NoReturn:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with logging_to(tmp_path / LOG):
        begin_attempt("count")
        take_over_attempts(waited=False)
        end_attempt()
    said = capsys.readouterr().err.splitlines()
    assert OPENING.fullmatch(said[0])
    assert said[1].startswith(f"{tmp_path / LOG} can have no second name here (Operation not perm")


def test_an_attempt_leaves_the_log_of_one_that_waits_for_it(tmp_path: Path) -> None:
    later = tmp_path / f"{LOG}.29991231T235959.000000Z.node17.5"
    later.write_text("waiting\n")
    with logging_to(tmp_path / LOG):
        begin_attempt("count")
        take_over_attempts(waited=False)
        end_attempt()
    assert {path.name for path in tmp_path.iterdir()} == {LOG, later.name}


def test_what_cannot_be_taken_over_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = tmp_path / f"{LOG}.20251231T235959.000000Z.node17.5"
    earlier.write_text("why it died\n")
    with monkeypatch.context() as full, logging_to(tmp_path / LOG):
        full.setattr(os, "pwrite", lambda *_: 0)  # the disk is full
        take_over_attempts(waited=False)
    assert earlier.exists()
    with logging_to(tmp_path / LOG):
        os.write(2, b"own\n")
        take_over_attempts(waited=False)
        os.write(2, b"later\n")
    assert (tmp_path / LOG).read_text() == "why it died\nown\nlater\n"
    assert not earlier.exists()


def test_a_name_that_is_just_removed_is_passed_over(tmp_path: Path) -> None:
    gone = tmp_path / f"{LOG}.20251231T235959.000000Z.node17.5"
    gone.symlink_to(tmp_path / "nowhere")
    (tmp_path / f"{LOG}.20251231T235959.000001Z.node17.6").write_text("why it died\n")
    with logging_to(tmp_path / LOG):
        begin_attempt("count")
        take_over_attempts(waited=False)
        end_attempt()
    assert (tmp_path / LOG).read_text() == "why it died\n"
    assert [path.name for path in tmp_path.glob("count.log*")] == [LOG]


@pytest.mark.parametrize("waited", [True, False])
def test_who_was_waited_for_has_time_for_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waited: bool
) -> None:
    monkeypatch.setattr(attempt_log, "LAST_WORDS_SECONDS", 0.5)
    earlier = tmp_path / f"{LOG}.20251231T235959.000000Z.node17.5"
    earlier.touch()
    dying = threading.Timer(0.1, earlier.write_text, ["why it died\n"])
    with logging_to(tmp_path / LOG):
        dying.start()
        take_over_attempts(waited)
    dying.join()
    assert (tmp_path / LOG).read_text() == ("why it died\n" if waited else "")


@pytest.mark.parametrize("rank", ["0", "1"])
def test_of_several_processes_the_first_keeps_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: str
) -> None:
    monkeypatch.setenv("RANK", rank)
    with logging_to(tmp_path / LOG):
        begin_attempt("count")
    assert len(list(tmp_path.iterdir())) == (2 if rank == "0" else 1)


def test_a_further_process_that_is_done_leaves_the_second_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one may still be killed while it writes."""
    with logging_to(tmp_path / LOG):
        begin_attempt("count")
        monkeypatch.setenv("RANK", "1")
        end_attempt()
        assert len(list(tmp_path.iterdir())) == 2
        monkeypatch.setenv("RANK", "0")
        end_attempt()
    assert [path.name for path in tmp_path.iterdir()] == [LOG]


def test_names_that_a_network_file_system_refuses_cost_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(self: Path, *_: object, **__: object) -> NoReturn:
        raise OSError(116, "Stale file handle")

    (tmp_path / f"{LOG}.20251231T235959.000000Z.node17.5").write_text("why it died\n")
    with monkeypatch.context() as network, logging_to(tmp_path / LOG):
        network.setattr(Path, "read_bytes", stale)
        network.setattr(Path, "unlink", stale)
        begin_attempt("count")
        take_over_attempts(waited=False)
        end_attempt()
    assert len(list(tmp_path.glob("count.log.2*"))) == 2


def test_without_a_log_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    kept = os.dup(2)
    os.dup2(writing, 2)
    try:
        begin_attempt("count")
        take_over_attempts(waited=True)
        end_attempt()
    finally:
        os.dup2(kept, 2)
        for descriptor in (kept, reading, writing):
            os.close(descriptor)
    assert capsys.readouterr().err == ""
