"""Leases: one process at a time, whatever happens to the holder."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from groundsynth import lease
from groundsynth.errors import OutputError, StateError
from groundsynth.lease import NAME, hold_lease

from .conftest import Job, until

ELSEWHERE = {"job": "4711", "host": "node17", "machine": "other", "pid": 7, "began": "1"}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(lease, "STALE_SECONDS", 0.3)


def never() -> bool:
    return False


def written(folder: Path, holder: Any) -> Path:
    """A lease file that names ``holder``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_text(holder if isinstance(holder, str) else json.dumps(holder))
    return path


@pytest.fixture
def beating(tmp_path: Path) -> Iterator[Path]:
    """A lease of another host whose heart beats."""
    path = written(tmp_path / "state", ELSEWHERE)
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(0.02):
            os.utime(path)

    heart = threading.Thread(target=beat)
    heart.start()
    yield path.parent
    stop.set()
    heart.join()


def test_a_free_folder_is_held_and_let_go(tmp_path: Path) -> None:
    folder = tmp_path / "work" / "train"
    with hold_lease(folder, never) as waited:
        holder = json.loads((folder / NAME).read_text())
        assert (waited, holder["pid"]) == (False, os.getpid())
    assert list(folder.iterdir()) == []


def test_the_lease_is_let_go_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), hold_lease(tmp_path, never):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_the_heart_beats(tmp_path: Path) -> None:
    with hold_lease(tmp_path, never):
        path = tmp_path / NAME
        os.utime(path, (1, 1))
        until(lambda: path.stat().st_mtime > 1, "a heartbeat")


def test_a_dead_holder_on_this_host_loses_the_lease_at_once(start: Callable[..., Job]) -> None:
    first = start(holding=True)
    assert first.begun() == "began at 0"
    first.process.kill()  # and not waited for: a zombie is dead too
    until(lambda: lease._process_start(first.process.pid) is None, "the death")
    started = time.monotonic()
    with hold_lease(first.state, never) as waited:
        assert not waited
    assert time.monotonic() - started < 30


def test_a_process_id_that_is_used_again_is_not_the_holder(tmp_path: Path) -> None:
    holder = {**lease._identity(), "began": "1"}
    written(tmp_path, holder)
    with hold_lease(tmp_path, never) as waited:
        assert not waited


def test_a_living_holder_on_this_host_keeps_the_lease_though_it_stands_still(
    start: Callable[..., Job],
) -> None:
    first = start(holding=True)
    first.begun()
    first.process.send_signal(signal.SIGSTOP)
    end = time.monotonic() + 1
    with pytest.raises(StateError, match=f"process {first.process.pid} on "):
        hold_lease(first.state, lambda: time.monotonic() > end).__enter__()
    first.process.send_signal(signal.SIGCONT)
    first.hold.unlink()
    assert first.ends() == 0


def test_a_holder_elsewhere_whose_heart_stands_still_loses_the_lease(tmp_path: Path) -> None:
    written(tmp_path, ELSEWHERE)
    started = time.monotonic()
    with hold_lease(tmp_path, never) as waited:
        assert waited
    assert 0.3 <= time.monotonic() - started < 60


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00\x00"])
def test_a_broken_lease_counts_as_standing_still(tmp_path: Path, content: str) -> None:
    """What a machine leaves that lost its power while it wrote."""
    written(tmp_path, content)
    with hold_lease(tmp_path, never) as waited:
        assert waited


def test_a_beating_heart_elsewhere_keeps_the_lease(
    beating: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "STALE_SECONDS", 2)  # which a busy machine does not stand still
    end = time.monotonic() + 3
    with pytest.raises(StateError, match="state is held by job 4711, process 7 on node17, which"):
        hold_lease(beating, lambda: time.monotonic() > end).__enter__()
    assert json.loads((beating / NAME).read_text()) == ELSEWHERE
    assert capsys.readouterr().err.count("process 7 on node17: waiting") == 1


def test_a_host_of_the_same_name_is_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process ids say nothing here: only the heartbeat counts."""
    written(tmp_path, {**ELSEWHERE, "host": os.uname().nodename})
    started = time.monotonic()
    with hold_lease(tmp_path, never):
        assert time.monotonic() - started >= 0.3


def test_the_lease_of_a_waiting_process_follows(tmp_path: Path) -> None:
    path = written(tmp_path, ELSEWHERE)
    timer = threading.Timer(0.1, path.unlink)
    timer.start()
    with hold_lease(tmp_path, never) as waited:
        assert waited


def test_a_holder_whose_lease_was_taken_is_told_and_leaves_it_alone(tmp_path: Path) -> None:
    lost = threading.Event()
    with hold_lease(tmp_path, never, lost):
        written(tmp_path, ELSEWHERE)
        assert lost.wait(60)
    assert json.loads((tmp_path / NAME).read_text()) == ELSEWHERE


def test_a_lease_that_was_removed_is_put_back(tmp_path: Path) -> None:
    lost = threading.Event()
    path = tmp_path / NAME
    with hold_lease(tmp_path, never, lost):
        content = path.read_bytes()
        path.unlink()
        until(lambda: path.exists() and path.read_bytes() == content, "the lease")
    assert not path.exists()
    assert not lost.is_set()


def test_a_lease_taken_meanwhile_is_given_back(tmp_path: Path) -> None:
    path = written(tmp_path, ELSEWHERE)
    lease._take_away(path, b"the dead one's")
    assert json.loads(path.read_text()) == ELSEWHERE
    lease._take_away(path, path.read_bytes())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_a_finished_holder_removes_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Path.mkdir
    removed: list[Path] = []

    def make_and_remove(path: Path, *args: Any, **options: Any) -> None:
        make(path, *args, **options)
        if not removed:
            removed.append(path)
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", make_and_remove)
    with hold_lease(tmp_path / "state", never):
        assert (removed, (tmp_path / "state" / NAME).exists()) == ([tmp_path / "state"], True)


def test_a_folder_that_cannot_be_made_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match=r"lease\.json cannot be written \(Permission denied"):
        hold_lease(tmp_path / "state", never).__enter__()


FIGHT = """
import os, sys, time
from pathlib import Path
from groundsynth import lease
lease.POLL_SECONDS = 0.002
folder = Path(sys.argv[1])
for turn in range(25):
    with lease.hold_lease(folder / "state", lambda: False):
        inside = folder / "inside"
        inside.mkdir()  # fails if another process is inside
        time.sleep(0.001)
        inside.rmdir()
    try:
        (folder / "state").rmdir()  # as a finished job does, under the feet of those who wait
    except OSError:
        pass
"""


def test_processes_that_fight_for_a_folder_are_never_inside_together(tmp_path: Path) -> None:
    fighters = [
        subprocess.Popen([sys.executable, "-c", FIGHT, str(tmp_path)], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for fighter in fighters:
        _, errors = fighter.communicate(timeout=300)
        assert (fighter.returncode, b"Error" in errors) == (0, False), errors.decode()
    assert list(tmp_path.iterdir()) == []
