"""What a launch prints at its end."""

import time
from pathlib import Path

import pytest

from groundsynth.files import write_json
from groundsynth.launch import _say_result


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
