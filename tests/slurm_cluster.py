"""The SLURM cluster of the tests on loopback, and what its accounting says."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CLUSTER = ROOT / "tests" / "slurm" / "cluster.sh"
LINES = ROOT / "tests" / "slurm" / "submit_lines.py"
LAB = Path("/tmp/groundsynth-slurm")
"""State of the cluster; the database's user must be able to reach it."""
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "SLURM_CONF": "/etc/slurm/slurm.conf",
}
QUICK = (
    "--slurm-init-seconds-before-status-checks=2",
    "--latency-wait=10",
    "--slurm-keep-successful-logs",
)
"""Options that a real cluster should not have: it would be asked too often."""
PATIENCE = 900
"""Seconds that anything here may take on a busy machine."""
TRAININGS = {"gan": {"unconditional": {"kimg": 0.24}}, "segmentation": {"steps": 24}}
"""Longer than micro's, so that there is a middle to be killed in."""


@dataclass(frozen=True)
class Record:
    """What the accounting says of a job; times in seconds since the epoch."""

    number: str
    rule: str
    partition: str
    account: str
    cores: int
    gpus: int
    megabytes: int
    minutes: int
    state: str
    start: int
    end: int


def say(*words: str, folder: Path = ROOT) -> str:
    """Output of a program that must succeed."""
    answer = subprocess.run(
        words, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, f"{words}: {answer.stdout}{answer.stderr}"
    return answer.stdout


def planned_lines(*words: str) -> dict[str, list[str]]:
    """Words that the executor plugin would give to the shell for the first job of each rule."""
    printed = say(sys.executable, str(LINES), *words)
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return {line["rule"]: line["words"] for line in lines}


Driver = subprocess.Popen[str]


def wait_until(condition: Callable[[], object], what: str, driver: Driver | None = None) -> None:
    """Look again and again until ``condition()`` is true; fails when the driver has ended."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert driver is None or driver.poll() is None, f"the driver ended before: {what}"
        assert time.monotonic() < end, f"not within {PATIENCE} s: {what}"
        time.sleep(0.05)


class Cluster:
    """The test cluster: with the accounting database, or without."""

    def start(self, accounting: str) -> None:
        """Bring it up; nothing happens when it is up."""
        subprocess.run([CLUSTER, "start", LAB, accounting], env=ENVIRONMENT, check=True)

    def stop(self) -> None:
        """End its daemons."""
        subprocess.run([CLUSTER, "stop", LAB], env=ENVIRONMENT, check=True)

    def daemons(self) -> dict[str, str]:
        """Process ids of the running daemons."""
        files = (LAB / "run").glob("*.pid")
        return {file.stem: file.read_text("utf-8").strip() for file in files}

    def running(self, rule: str) -> list[str]:
        """Numbers of the running jobs of a rule."""
        lines = say("squeue", "-h", "-t", "R", "-o", "%i|%k").splitlines()
        jobs = [line.split("|") for line in lines]
        return [number for number, comment in jobs if rule_of(comment) == rule]

    def records(self, run: Path) -> list[Record]:
        """What the accounting knows of the jobs of a run's folder; waits until all have ended."""

        def listed() -> list[dict[str, str]]:
            fields = "JobIDRaw,Comment,Partition,Account,AllocCPUS,AllocTRES,ReqMem,TimelimitRaw"
            fields += ",State,Start,End,WorkDir"
            words = ("sacct", "-X", "-a", "-n", "-P", "--units=M", "-S", "now-1days", "-o", fields)
            names = fields.split(",")
            rows = (
                dict(zip(names, line.split("|"), strict=True)) for line in say(*words).splitlines()
            )
            return [row for row in rows if row["WorkDir"] == str(run)]

        wait_until(
            lambda: (rows := listed()) and all(row["End"] != "Unknown" for row in rows),
            f"the accounting of {run}",
        )
        return [record_of(row) for row in listed()]


def rule_of(comment: str) -> str:
    """Name of the rule in the comment that the executor plugin gives to a job."""
    return comment.removeprefix("rule_").partition("_wildcards_")[0]


def record_of(row: dict[str, str]) -> Record:
    """A row of sacct's answer."""
    gpus = re.search(r"gres/gpu=(\d+)", row["AllocTRES"])
    memory = re.match(r"\d+", row["ReqMem"])
    assert memory is not None, row
    start, end = (
        int(time.mktime(time.strptime(row[name], "%Y-%m-%dT%H:%M:%S"))) for name in ("Start", "End")
    )
    return Record(
        number=row["JobIDRaw"],
        rule=rule_of(row["Comment"]),
        partition=row["Partition"],
        account=row["Account"],
        cores=int(row["AllocCPUS"]),
        gpus=int(gpus[1]) if gpus else 0,
        megabytes=int(memory[0]),
        minutes=int(row["TimelimitRaw"]),
        state=row["State"].partition(" ")[0],
        start=start,
        end=end,
    )


def finish(driver: Driver, folder: Path) -> str:
    """Wait for the driver's success; what it said."""
    code = driver.wait(PATIENCE)
    said = folder.with_name(f"{folder.name}.log").read_text("utf-8")
    assert code == 0, said
    return said
