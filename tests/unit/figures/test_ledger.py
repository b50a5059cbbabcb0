"""The ledger: timing lines of logs, by rule and stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from groundsynth.figures.ledger import duration, read_ledger, stage_totals, total_of


def test_jobs_of_a_rule_add_up_and_rules_stand_in_the_order_of_the_flow(bare_run: Any) -> None:
    timing = {"import_seconds": 1.5, "work_seconds": 10, "peak_mb": 300}
    bare_run.add_log("make_tables.log", verb="make-tables", **timing)
    bare_run.add_log("cut_patches/N36E030.log", verb="cut-patches", **timing)
    bare_run.add_log("cut_patches/N36E033.log", verb="cut-patches", **{**timing, "peak_mb": 500})
    bare_run.add_log("train_segmentation/real/fpn/1.log", verb="train-segmentation", **timing)
    costs = read_ledger(bare_run.folder / "logs")
    assert [cost.rule for cost in costs] == ["cut_patches", "train_segmentation", "make_tables"]
    assert [cost.stage for cost in costs] == ["patches", "segmentation", "figures"]
    cut = costs[0]
    assert (cut.jobs, cut.import_seconds, cut.work_seconds, cut.peak_mb) == (2, 3, 20, 500)
    total = total_of(costs)
    assert (total.jobs, total.seconds, total.peak_mb) == (4, 46, 500)
    assert total.import_percent == pytest.approx(100 * 6 / 46)
    assert [cost.jobs for cost in stage_totals(costs)] == [2, 1, 1]


@pytest.mark.parametrize("length", [9, 9000])
def test_only_the_last_timing_of_a_log_counts(tmp_path: Path, length: int) -> None:
    log = tmp_path / "logs" / "caption_vllm" / "x" / "real" / "a.log"
    log.parent.mkdir(parents=True)
    old = 'timing: {"verb": "caption-vllm", "import_seconds": 9, "work_seconds": 9, "peak_mb": 9}'
    new = 'timing: {"verb": "caption-vllm", "import_seconds": 1, "work_seconds": 2, "peak_mb": 3}'
    log.write_bytes(
        b"\xff\xfe noise\n" + old.encode() + b"\n" + b"." * length + b"\n" + new.encode()
    )
    (cost,) = read_ledger(tmp_path / "logs")
    assert (cost.rule, cost.jobs, cost.seconds, cost.peak_mb) == ("caption_vllm", 1, 3, 3)


def test_logs_without_a_timing_count_nowhere(bare_run: Any) -> None:
    bare_run.add_log("cut_patches/a.log", verb="cut-patches", import_seconds=1, work_seconds=1)
    folder = bare_run.folder / "logs"
    (folder / "cut_patches" / "b.log").write_text("cut off\n")
    (folder / "cut_patches" / "c.log").write_text('timing: {"verb": "cut-pat')
    (folder / "empty.log").write_text("")
    (cost,) = read_ledger(folder)
    assert (cost.jobs, cost.peak_mb) == (1, 0)
    assert read_ledger(bare_run.folder / "nowhere") == []
    assert total_of([]).import_percent == 0


def test_durations_are_read_in_their_own_unit() -> None:
    assert [duration(s) for s in (0.25, 119, 120, 7199, 7200)] == [
        "0.2 s",
        "119.0 s",
        "2.0 min",
        "120.0 min",
        "2.0 h",
    ]
