"""Faults of jobs: a time slot spent, a training killed, a job cancelled; all in one run."""

import json
import os
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
import yaml
from runs import content_of, equal, leftovers, processes_in, verb_of
from slurm_cluster import ROOT, TRAININGS, Cluster, Driver, finish, say, wait_until

SLOT_MINUTES = 1
"""Runtime of the first slot; it trains for three quarters of that."""
STANDSTILL_SECONDS = 50
"""Longer than that, so that the slot is spent however fast the machine is."""
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
    drive: Callable[..., Driver],
    small: Callable[..., list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Faulty:
    """A run whose generator does not fit into its first slot, with a killed and a cancelled job."""
    folder = tmp_path_factory.mktemp("faulty") / "run"
    generator = {**TRAININGS["gan"]["unconditional"], "slots": 2}
    words = small(**{**TRAININGS, "gan": {"unconditional": generator}})
    words += ["--", "gan", "segmentation", "captions"]
    driver = drive(folder, "--profile", short_slots(folder.with_name("profile")), *words)
    with ThreadPoolExecutor() as pool:
        slowing = pool.submit(slow_down, folder, driver)
        killing = pool.submit(kill_training, folder, driver)
        cancelling = pool.submit(cancel, cluster, folder, driver)
    slowing.result()
    finish(driver, folder)
    return Faulty(folder, cancelling.result(), killing.result())


def short_slots(folder: Path) -> Path:
    """The profile, with little time for a slot of the generator.

    A profile of its own: an option on the command line would replace all the rules' resources.
    """
    content = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text("utf-8"))
    given = content["set-resources"]["advance_stylegan"]
    content["set-resources"]["advance_stylegan"] = {**given, "runtime": SLOT_MINUTES}
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(content), "utf-8")
    return folder


def slow_down(folder: Path, driver: Driver) -> None:
    """Let the first slot's training stand still after its first checkpoint, as on a slow disk."""
    wait_until((folder / "work/train_stylegan/checkpoint.pt").exists, "a checkpoint", driver)
    (training,) = (p for p in processes_in(folder) if verb_of(p) == "advance-stylegan")
    os.kill(training, signal.SIGSTOP)
    time.sleep(STANDSTILL_SECONDS)
    os.kill(training, signal.SIGCONT)


def kill_training(folder: Path, driver: Driver) -> list[list[object]]:
    """SIGKILL to the segmentation training after its first checkpoint; the history in that."""
    checkpoint = folder / STATE / "checkpoint.pt"
    wait_until(checkpoint.exists, "a checkpoint", driver)
    (victim,) = (
        process for process in processes_in(folder) if verb_of(process) == "train-segmentation"
    )
    os.kill(victim, signal.SIGKILL)
    rows: list[list[object]] = torch.load(checkpoint, weights_only=True)["history"]
    return rows


def cancel(cluster: Cluster, folder: Path, driver: Driver) -> str:
    """Cancel the captioning job at work, as a user does; its number."""

    def captioning() -> bool:
        return "caption-grammar" in map(verb_of, processes_in(folder))

    wait_until(captioning, "a job that captions", driver)
    (number,) = cluster.running("caption_grammar")
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
    assert last["complete"]
    progress = (faulty.folder / "logs" / "train_stylegan.log").read_text()
    said = re.search(r"training: (\d+) of", progress)
    assert said is not None
    assert int(said[1]) >= first["images"]


def test_the_history_of_both_slots_shows_each_step_once(faulty: Faulty, undisturbed: Path) -> None:
    path = Path("results/gan/unconditional/history.parquet")
    rows = [(row["step"], row["name"]) for row in rows_of(faulty.folder / path)]
    assert len(set(rows)) == len(rows)
    assert rows == sorted(rows, key=lambda row: row[0])
    assert equal(content_of(faulty.folder / path), content_of(undisturbed / path))


def test_the_generator_of_two_slots_is_that_of_one(faulty: Faulty, undisturbed: Path) -> None:
    path = Path("results/gan/unconditional/generator.safetensors")
    assert equal(content_of(faulty.folder / path), content_of(undisturbed / path))


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
