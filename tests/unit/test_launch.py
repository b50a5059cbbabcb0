"""What a launch prints at its end."""

import fcntl
import threading
import time
from pathlib import Path

import pytest

from groundsynth import launch
from groundsynth.errors import StateError
from groundsynth.files import write_json
from groundsynth.launch import _say_result, only_launch


def test_a_launch_waits_for_one_that_is_leaving(tmp_path: Path) -> None:
    with (tmp_path / ".groundsynth.lock").open("a+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        leaving = threading.Timer(0.4, fcntl.flock, [stream, fcntl.LOCK_UN])
        leaving.start()
        started = time.monotonic()
        with only_launch(tmp_path):
            assert time.monotonic() - started >= 0.3
        leaving.join()


def test_a_lock_that_is_not_let_go_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "LEAVING_SECONDS", 0.3)
    with (tmp_path / ".groundsynth.lock").open("a+") as stream:
        stream.write("4711 elsewhere\n")
        stream.flush()
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(StateError, match=r"already at work .* \(process 4711\)"):
            only_launch(tmp_path).__enter__()


def test_a_run_ends_with_its_figures_and_table_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _say_result(tmp_path, time.time())
    assert capsys.readouterr().out == ""
    figure = {"name": "Macro F1", "value": 61.2345, "unit": "%"}
    write_json(tmp_path / "results/report/headline.json", {"report": "r", "figures": [figure]})
    _say_result(tmp_path, time.time() - 60)
    assert "Table 3" not in capsys.readouterr().out
    table = tmp_path / "results/tables/table3.md"
    table.parent.mkdir()
    table.write_text("| Mix | F1 |\n| :--- | :--- |\n| real | 61.23 [60.00, 62.00] ↑ |\n", "utf-8")
    _say_result(tmp_path, time.time() - 60)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["Done in 1.0 minutes.", "  Macro F1: 61.2 %"]
    assert lines[4] == "Table 3: segmentation scores"
    assert lines[-3].split() == ["real", "61.23", "[60.00,", "62.00]", "↑"]
    assert lines[-1].startswith("Report: ")
