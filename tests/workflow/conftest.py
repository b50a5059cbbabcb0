"""Snakemake as tests call it, and plans that several tests read."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """What a call of Snakemake gave: exit code and everything it printed."""

    code: int
    text: str

    @property
    def jobs(self) -> Counter[str]:
        """Number of jobs of each rule in a dry run, targets included."""
        table = self.text.partition("Job stats:")[2].partition("\ntotal")[0]
        return Counter({rule: int(n) for rule, n in re.findall(r"(?m)^(\w+) +(\d+)$", table)})

    @property
    def commands(self) -> list[str]:
        """Shell commands of a dry run with ``-p``."""
        found = re.findall(r"(?m)^Shell command: (.*)$", self.text)
        return [command for command in found if command != "None"]


@pytest.fixture(scope="session")
def snakemake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Answer]]:
    """``snakemake(*words, folder=...)``: Snakemake's command line, started in a folder."""
    log = tmp_path_factory.mktemp("snakemake") / "log"
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("snakemake_server.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    requests, answers = server.stdin, server.stdout

    def call(*words: str | Path, folder: Path = ROOT) -> Answer:
        request = {"words": [str(w) for w in words], "folder": str(folder), "log": str(log)}
        requests.write(json.dumps(request) + "\n")
        requests.flush()
        code = int(answers.readline())
        return Answer(code, log.read_text("utf-8"))

    yield call
    requests.close()
    server.wait()


@pytest.fixture(scope="session")
def plans(
    snakemake: Callable[..., Answer], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Answer]:
    """Dry run of a configuration (paper, or an overlay of it) in a new folder, made once."""
    made: dict[str, Answer] = {}

    def plan(name: str) -> Answer:
        if name not in made:
            overlay = [] if name == "paper" else ["--configfile", f"config/{name}.yaml"]
            folder = tmp_path_factory.mktemp(name)
            (folder / "captions.csv").touch()  # the published split
            made[name] = snakemake("-n", "-p", "--directory", folder, *overlay)
            assert made[name].code == 0, made[name].text
        return made[name]

    return plan
