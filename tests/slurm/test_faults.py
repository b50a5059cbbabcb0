"""Faults of jobs: a time slot spent, a training killed, a job cancelled; all in one run."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from runs import content_of, equal, leftovers, processes_in, verb_of
from slurm_cluster import TRAININGS, Cluster, finish, say, wait_until

SLOT_MINUTES = 1
"""Runtime of the first slot; it trains for three quarters of that."""
NEEDED_SECONDS = 90
"""What the whole training takes at the speed of the undisturbed run: well over a slot."""
STATE = Path("work/train_segmentation/real/fpn/1")


@dataclass(frozen=True)
class Faulty:
    """The run and what was seen when the faults were inflicted."""

    folder: Path
    cancelled: str
    rows_before_kill: list[list[object]]


@pytest.fixture(scope="module")
def faulty(
    cluster: Cluster,
    drive: Callable[..., "subprocess.Popen[str]"],
    small: Callable[..., list[str]],
    undisturbed: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Faulty:
    """A run whose generator does not fit into its first slot, with a killed and a cancelled job."""
    folder = tmp_path_factory.mktemp("faulty") / "run"
    receipt = json.loads((undisturbed / "results/gan/unconditional/receipt.json").read_text())
    images = NEEDED_SECONDS * receipt["images"] / receipt["seconds"]
    generator = {"kimg": ceil(images) / 1000, "slots": 2}
    words = small(**{**TRAININGS, "gan": {"unconditional": generator}})
    words += ["--set-resources", f"advance_stylegan:runtime={SLOT_MINUTES}"]
    words += ["--", "gan", "segmentation", "captions"]
    driver = drive(folder, "--profile", "slurm", *words)
    with ThreadPoolExecutor() as pool:
        killing = pool.submit(kill_training, folder)
        cancelling = pool.submit(cancel, cluster, "caption_grammar")
    finish(driver, folder)
    return Faulty(folder, cancelling.result(), killing.result())


def kill_training(folder: Path) -> list[list[object]]:
    """SIGKILL to the segmentation training after its first checkpoint; the history in that."""
    checkpoint = folder / STATE / "checkpoint.pt"
    wait_until(checkpoint.exists, "a checkpoint")
    (victim,) = (
        process for process in processes_in(folder) if verb_of(process) == "train-segmentation"
    )
    os.kill(victim, signal.SIGKILL)
    rows: list[list[object]] = torch.load(checkpoint, weights_only=True)["history"]
    return rows


def cancel(cluster: Cluster, rule: str) -> str:
    """Cancel the running job of a rule as a user does; its number."""
    wait_until(lambda: cluster.running(rule), f"a job of {rule}")
    (number,) = cluster.running(rule)
    say("scancel", number)
    return number


def rows_of(history: Path) -> list[dict[str, Any]]:
    """Rows of a training history."""
    rows: list[dict[str, Any]] = pq.read_table(history).to_pylist()
    return rows


def test_a_spent_slot_leaves_a_receipt_and_the_next_goes_on(faulty: Faulty) -> None:
    results = faulty.folder / "results" / "gan" / "unconditional"
    first = json.loads((results / "slots" / "1.json").read_text())
    last = json.loads((results / "receipt.json").read_text())
    assert not first["complete"]
    assert 0 < first["steps"] < last["steps"]
    assert first["seconds"] <= 0.75 * 60 * SLOT_MINUTES + 30
    assert last["complete"]
    progress = (faulty.folder / "logs" / "train_stylegan.log").read_text()
    said = re.search(r"training: (\d+) of", progress)
    assert said is not None
    assert int(said[1]) >= first["images"]


def test_the_history_of_both_slots_shows_each_step_once(faulty: Faulty, undisturbed: Path) -> None:
    path = Path("results/gan/unconditional/history.parquet")
    rows = rows_of(faulty.folder / path)
    ticks = [row["step"] for row in rows if row["name"] == "sample_spread"]
    tick = ticks[0]
    assert ticks[:-1] == [tick * n for n in range(1, len(ticks))]
    assert len({(row["step"], row["name"]) for row in rows}) == len(rows)
    shorter = rows_of(undisturbed / path)
    assert equal(rows[: len(shorter)], shorter)


def test_the_slots_time_was_its_own(cluster: Cluster, faulty: Faulty) -> None:
    (slot,) = (r for r in cluster.records(faulty.folder) if r.rule == "advance_stylegan")
    assert (slot.state, slot.minutes) == ("COMPLETED", SLOT_MINUTES)


def test_a_killed_training_goes_on_from_its_checkpoint(
    cluster: Cluster, faulty: Faulty, undisturbed: Path
) -> None:
    jobs = [r for r in cluster.records(faulty.folder) if r.rule == "train_segmentation"]
    assert [job.state for job in jobs] == ["FAILED", "COMPLETED"]
    assert jobs[1].megabytes == 2 * jobs[0].megabytes
    history = rows_of(faulty.folder / "results/segmentation/real/fpn/1/history.parquet")
    assert faulty.rows_before_kill
    before = [list(row.values()) for row in history[: len(faulty.rows_before_kill)]]
    assert before == faulty.rows_before_kill, "the same rows, with the first attempt's times"
    for name in ("history.parquet", "model.safetensors", "confusion.parquet"):
        path = Path("results/segmentation/real/fpn/1", name)
        assert equal(content_of(faulty.folder / path), content_of(undisturbed / path))


def test_a_cancelled_job_is_submitted_again(
    cluster: Cluster, faulty: Faulty, undisturbed: Path
) -> None:
    jobs = [r for r in cluster.records(faulty.folder) if r.rule == "caption_grammar"]
    assert [job.state for job in jobs] == ["CANCELLED", "COMPLETED"]
    assert jobs[0].number == faulty.cancelled
    (captions,) = (faulty.folder / "results" / "captions").rglob("*.parquet")
    same = undisturbed / captions.relative_to(faulty.folder)
    assert equal(content_of(captions), content_of(same))


def test_no_state_is_left(faulty: Faulty) -> None:
    assert not leftovers(faulty.folder)
