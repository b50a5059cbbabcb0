"""State of a job: held by one process, resumed when it fits, removed when it is done."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from groundsynth import lease
from groundsynth.errors import InputError, StateError
from groundsynth.files import read_json
from groundsynth.run_state import (
    FINGERPRINT,
    SIGNALS,
    RunState,
    Stopped,
    open_state,
    slot_seconds,
    write_receipt,
)

from .conftest import Job, until

PARAMETERS = {"batch": 8, "rate": 0.001}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(lease, "STALE_SECONDS", 0.3)


@pytest.fixture(autouse=True)
def heeded_interrupts() -> Iterator[None]:
    """SIGINT is not ignored here, even where the tests run in a script's background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "00000.images.npy"
    path.write_bytes(b"images")
    return path


def opened(
    shard: Path, parameters: Mapping[str, Any] = PARAMETERS, **options: Any
) -> AbstractContextManager[RunState]:
    return open_state(shard.parent / "state", parameters=parameters, inputs=[shard], **options)


def saved(shard: Path) -> Path:
    """A state folder in which a job has saved something."""
    with opened(shard) as run:
        (run.folder / "parts").mkdir()
        (run.folder / "parts" / "0.parquet").touch()
    return run.folder / "parts" / "0.parquet"


# What is resumed, and what is not


def test_equal_inputs_and_parameters_resume(
    shard: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = saved(shard)
    with opened(shard):
        assert part.exists()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("parameters", "named"),
    [({"batch": 16, "rate": 0.001}, "batch"), ({"batch": 8}, "rate"), ({}, "batch, rate")],
)
def test_other_parameters_start_clean_and_are_named(
    shard: Path, capsys: pytest.CaptureFixture[str], parameters: dict[str, Any], named: str
) -> None:
    part = saved(shard)
    with opened(shard, parameters) as run:
        assert not part.exists()
        assert {p.name for p in run.folder.iterdir()} == {FINGERPRINT, lease.NAME}
    message = capsys.readouterr().err
    assert f"({named}): it is discarded" in message
    assert len(message.splitlines()) == 1


def test_another_input_starts_clean_and_is_named(
    shard: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = saved(shard)
    shard.write_bytes(b"others")
    with opened(shard):
        assert not part.exists()
    assert f"({shard}): it is discarded" in capsys.readouterr().err


def test_a_touched_or_copied_input_resumes(shard: Path) -> None:
    part = saved(shard)
    copy = shard.with_name("copy.npy")
    copy.write_bytes(shard.read_bytes())
    shard.unlink()
    copy.rename(shard)
    os.utime(shard, (1, 1))
    with opened(shard):
        assert part.exists()


def test_state_without_a_readable_fingerprint_starts_clean(
    shard: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = saved(shard)
    (part.parents[1] / FINGERPRINT).write_text('{"parame')
    with opened(shard):
        assert not part.exists()
    assert "an unreadable fingerprint" in capsys.readouterr().err
    part = saved(shard)
    (part.parents[1] / FINGERPRINT).unlink()
    with opened(shard):
        assert not part.exists()


def test_half_written_files_of_a_killed_job_are_removed(shard: Path) -> None:
    part = saved(shard)
    left = part.with_name(".1.node17.99.part.parquet")
    left.touch()
    with opened(shard):
        assert part.exists()
        assert not left.exists()


def test_a_missing_input_is_named_and_the_state_kept(shard: Path) -> None:
    part = saved(shard)
    shard.unlink()
    with pytest.raises(InputError, match=r"00000\.images\.npy is missing"), opened(shard):
        pass
    assert part.exists()
    assert not (part.parents[1] / lease.NAME).exists()


# How it ends


def test_the_folder_is_removed_at_completion(shard: Path) -> None:
    saved(shard)
    with opened(shard) as run:
        run.complete()
        assert run.folder.exists()
    assert not run.folder.exists()


def test_the_folder_is_kept_where_asked_for(shard: Path) -> None:
    part = saved(shard)
    with opened(shard, keep=True) as run:
        run.complete()
    assert part.exists()


def test_an_error_keeps_the_state_and_lets_the_lease_go(shard: Path) -> None:
    part = saved(shard)

    def fail() -> None:
        with opened(shard) as run:
            run.complete()
            raise RuntimeError("after all")

    with pytest.raises(RuntimeError, match="after all"):
        fail()
    assert part.exists()
    assert not (part.parents[1] / lease.NAME).exists()


def test_a_link_in_the_state_is_removed_and_not_followed(shard: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    with opened(shard) as run:
        (run.folder / "link").symlink_to(tmp_path / "elsewhere")
        run.complete()
    assert not run.folder.exists()
    assert (tmp_path / "elsewhere" / "kept").exists()


def test_a_removal_that_was_cut_short_does_not_look_whole(
    shard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: Path) -> None:
        raise OSError(5, "Input/output error")

    def last_first(folder: Path) -> list[Path]:
        return sorted(map(Path, (entry.path for entry in os.scandir(folder))), reverse=True)

    part = saved(shard)
    monkeypatch.setattr(shutil, "rmtree", fail)
    monkeypatch.setattr(Path, "iterdir", last_first)
    with pytest.raises(OSError, match="Input/output"), opened(shard) as run:
        run.complete()
    monkeypatch.undo()
    assert part.exists()
    with opened(shard):
        assert not part.exists()


# Signals and time


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_asks_the_job_to_leave(shard: Path, number: signal.Signals) -> None:
    with opened(shard) as run:
        assert not run.should_stop()
        os.kill(os.getpid(), number)
        until(run.should_stop, "the signal")
        stopped = run.leave("step 3 of 9")
    assert stopped.exit_code == (75 if number == signal.SIGUSR1 else 128 + number)
    assert "at step 3 of 9; the state is saved in" in str(stopped)


def test_a_spent_slot_asks_the_job_to_leave(shard: Path) -> None:
    with opened(shard, stop_after=600) as run:
        assert not run.should_stop()
        run.started -= 600
        assert run.should_stop()
        assert run.leave("step 1").exit_code == 75


def test_handlers_are_restored_also_when_states_are_nested(shard: Path, tmp_path: Path) -> None:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    with opened(shard) as outer:
        with open_state(tmp_path / "inner", parameters={}, inputs=[]) as inner:
            os.kill(os.getpid(), signal.SIGUSR1)
            until(inner.should_stop, "the signal")
        assert not outer.should_stop()
        os.kill(os.getpid(), signal.SIGUSR1)
        until(outer.should_stop, "the signal")
    assert {number: signal.getsignal(number) for number in SIGNALS} == before


def test_handlers_are_restored_after_an_error(shard: Path) -> None:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    with pytest.raises(RuntimeError), opened(shard):
        raise RuntimeError
    assert {number: signal.getsignal(number) for number in SIGNALS} == before


def test_an_ignored_interrupt_stays_ignored(shard: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with opened(shard) as run:
        os.kill(os.getpid(), signal.SIGINT)
        assert not run.should_stop()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        os.kill(os.getpid(), signal.SIGTERM)
        until(run.should_stop, "the signal")
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_forked_worker_ends_by_the_signal(shard: Path) -> None:
    ready, tell = os.pipe()
    with opened(shard) as run:
        worker = os.fork()
        if not worker:
            os.write(tell, b"1")
            time.sleep(30)
            os._exit(0)
        os.read(ready, 1)
        os.kill(worker, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == 128 + signal.SIGTERM
        assert not run.should_stop()


@pytest.mark.parametrize(
    ("minutes", "seconds"), [(None, None), (720, 715 * 60), (20, 15 * 60), (4, 180), (0.04, 1.8)]
)
def test_a_slot_leaves_a_margin_to_save_in(minutes: float | None, seconds: float | None) -> None:
    assert slot_seconds(minutes) == (None if seconds is None else pytest.approx(seconds))


def test_a_receipt_says_how_far_the_training_is(tmp_path: Path) -> None:
    write_receipt(tmp_path / "slots" / "1.json", slot=1, complete=False, images=64)
    assert read_json(tmp_path / "slots" / "1.json") == {"slot": 1, "complete": False, "images": 64}


# Two processes


def test_the_second_of_two_attempts_waits_and_finds_the_work_done(
    start: Callable[..., Job],
) -> None:
    first = start(holding=True)
    assert first.begun() == "began at 0"
    second = start()
    second.says(f"process {first.process.pid} on {os.uname().nodename}: waiting")
    first.hold.unlink()
    assert second.begun() == "finished elsewhere"
    assert (first.ends(), second.ends()) == (0, 0)
    assert read_json(first.output)["pid"] == first.process.pid
    assert not first.state.exists()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 75)]
)
def test_a_stopped_job_says_so_and_the_next_goes_on(
    start: Callable[..., Job], number: signal.Signals, code: int
) -> None:
    first = start(holding=True)
    first.begun()
    second = start("--runtime", "600")
    second.says("waiting")
    first.process.send_signal(number)
    assert first.ends() == code
    assert f"the state is saved in {first.state}: start again to go on." in first.message()
    assert "Traceback" not in first.message()
    assert second.begun() == "began at 5"
    assert second.ends() == 0
    assert not first.state.exists()


def test_an_interrupt_passes_by_a_job_in_the_background(start: Callable[..., Job]) -> None:
    """What a script puts in the background has SIGINT ignored; SIGTERM stops it all the same."""
    job = start(holding=True, ignoring=True)
    job.begun()
    job.process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        job.process.wait(timeout=0.3)
    job.process.terminate()
    assert job.ends() == 143
    assert "Stopped by SIGTERM" in job.message()


def test_a_spent_slot_ends_with_its_own_code(start: Callable[..., Job]) -> None:
    job = start("--runtime", "0.2", holding=True)
    assert job.ends() == 75
    assert "count: The time slot is spent at the end of the count" in job.message()


def test_a_killed_holder_is_followed_at_once(start: Callable[..., Job]) -> None:
    first = start(holding=True)
    first.begun()
    second = start()  # whose heartbeats are stale after a minute only
    second.says("waiting")
    first.process.kill()
    assert second.begun() == "began at 5"
    first.hold.unlink()
    assert second.ends() == 0


def test_a_job_that_waited_for_a_slot_leaves_its_state(start: Callable[..., Job]) -> None:
    """A slot ends with its receipt, while the training's state must stay for the next one."""
    first = start("--slot", "true", holding=True)
    first.begun()
    second = start("--slot", "true")
    second.says("waiting")
    first.hold.unlink()
    assert second.begun() == "finished elsewhere"
    assert (first.ends(), second.ends()) == (0, 0)
    assert read_json(first.state / "count.json") == 5


def test_a_job_that_waits_longer_than_its_slot_names_the_holder(start: Callable[..., Job]) -> None:
    first = start(holding=True)
    first.begun()
    second = start("--runtime", "0.3")
    assert second.ends() == 1
    assert f"is held by process {first.process.pid} on" in second.message()
    assert "Traceback" not in second.message()
    first.hold.unlink()
    assert first.ends() == 0


def test_a_signal_ends_the_waiting(start: Callable[..., Job]) -> None:
    first = start(holding=True)
    first.begun()
    second = start()
    second.says("waiting")
    second.process.terminate()
    assert second.ends() == 143
    assert f"is held by process {first.process.pid} on" in second.message()


def test_a_job_that_stood_still_leaves_to_who_took_over(start: Callable[..., Job]) -> None:
    first = start(holding=True)
    first.begun()
    theirs = json.dumps({"host": "node17", "pid": 7, "machine": "other"})
    (first.state / lease.NAME).write_text(theirs)
    assert first.ends() == 75
    assert "Another process took over" in first.message()
    assert (first.state / lease.NAME).read_text() == theirs
    assert read_json(first.state / "count.json") == 5


def test_a_holder_elsewhere_with_a_standing_heart_is_followed(start: Callable[..., Job]) -> None:
    first = start(holding=True)
    first.begun()
    first.process.kill()
    first.ends()
    holder = read_json(first.state / lease.NAME)
    (first.state / lease.NAME).write_text(json.dumps({**holder, "host": "node17"}))
    first.hold.unlink()
    second = start("--stale", "0.3")
    second.says("on node17: waiting")
    assert second.begun() == "began at 5"
    assert second.ends() == 0


def test_only_the_holder_removes_the_state(shard: Path, tmp_path: Path) -> None:
    """Neither who found the work done nor who lost the lease may complete it away."""
    part, output = saved(shard), tmp_path / "model.json"
    held = part.parents[1] / lease.NAME
    elsewhere = json.dumps({"host": "node17", "pid": 7})
    held.write_text(elsewhere)
    output.touch()
    with opened(shard, outputs=[output]) as run:
        assert run.finished_elsewhere
        run.complete()
    assert part.exists()
    with opened(shard) as run:
        held.write_text(elsewhere)
        assert run.lost.wait(60)
        run.complete()
    assert part.exists()
    assert held.read_text() == elsewhere


def test_waiting_ends_in_this_process_too(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shard.parent / "state").mkdir()
    path = shard.parent / "state" / lease.NAME
    path.write_text(json.dumps({"host": "node17", "pid": 7}))
    monkeypatch.setattr(lease, "STALE_SECONDS", 60)
    with pytest.raises(StateError, match="process 7 on node17"), opened(shard, stop_after=0.1):
        pass
    monkeypatch.setattr(lease, "STALE_SECONDS", 0.3)
    with pytest.raises(Stopped) as stopped, opened(shard, stop_after=30):
        raise Stopped("left by the job itself", 143)
    assert stopped.value.exit_code == 143
