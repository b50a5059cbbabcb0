"""The driver is killed while jobs run, and started again: attempts meet, nothing is done twice."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from runs import differing, leftovers, processes_in, verb_of
from slurm_cluster import TRAININGS, Cluster, Driver, finish, say, wait_until

LEASES = {
    "train_stylegan": ("work/train_stylegan/lease.json", "logs/train_stylegan.log"),
    "train_segmentation": (
        "work/train_segmentation/real/fpn/1/lease.json",
        "logs/train_segmentation/real/fpn/1.log",
    ),
}
MODELS = (
    "results/gan/unconditional/generator.safetensors",
    "results/segmentation/real/fpn/1/model.safetensors",
)
FINISHED = ("results/patches/real/N36E030.images.npy",)


@pytest.fixture(scope="module")
def restarted(
    cluster: Cluster,
    drive: Callable[..., Driver],
    small: Callable[..., list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, int]]:
    """The run's folder, and the inodes of what was whole before the second attempts began.

    The first attempts stand still until the second ones have met them: otherwise these small
    trainings would be over before a new driver is up.
    """
    folder = tmp_path_factory.mktemp("restarted") / "run"
    words = ["--profile", "slurm", *small(**TRAININGS)]
    driver = drive(folder, *words)
    jobs: dict[str, int] = {}
    wait_until(lambda: freeze(folder, jobs), "both trainings at work", driver)
    driver.kill()
    driver.wait()
    inodes = {name: (folder / name).stat().st_ino for name in FINISHED}
    say("snakemake", *words, "--directory", str(folder), "--unlock")
    again = drive(folder, *words)
    try:
        for rule, (_, log) in LEASES.items():
            wait_until(
                lambda path=folder / log: is_waiting(path), f"the second job of {rule}", again
            )
        assert not [name for name in MODELS if (folder / name).exists()]
    finally:
        for job in jobs.values():
            os.kill(job, signal.SIGCONT)
    for name in MODELS:
        wait_until((folder / name).exists, name, again)
        inodes[name] = (folder / name).stat().st_ino
    finish(again, folder)
    return folder, inodes


def freeze(folder: Path, jobs: dict[str, int]) -> bool:
    """Stop each training that has its lease; whether all are stopped. Adds them to ``jobs``."""
    for process in processes_in(folder):
        rule = (verb_of(process) or "").replace("-", "_")
        if rule in LEASES and rule not in jobs and (folder / LEASES[rule][0]).exists():
            os.kill(process, signal.SIGSTOP)
            jobs[rule] = process
    return len(jobs) == len(LEASES)


def is_waiting(log: Path) -> bool:
    """Whether a job says that another one holds its state."""
    return log.exists() and "is held by job" in log.read_text("utf-8")


def test_the_second_attempts_waited_for_the_first(
    cluster: Cluster, restarted: tuple[Path, dict[str, int]]
) -> None:
    for rule in LEASES:
        first, second = (r for r in cluster.records(restarted[0]) if r.rule == rule)
        assert (first.state, second.state) == ("COMPLETED", "COMPLETED")
        assert second.start < first.end


def test_nothing_was_written_twice(restarted: tuple[Path, dict[str, int]]) -> None:
    """A file that is written again is another file under its name."""
    folder, inodes = restarted
    assert {name: (folder / name).stat().st_ino for name in inodes} == inodes


def test_the_results_are_those_of_an_undisturbed_run(
    restarted: tuple[Path, dict[str, int]], undisturbed: Path
) -> None:
    assert not differing(restarted[0], undisturbed)
    assert not leftovers(restarted[0])
