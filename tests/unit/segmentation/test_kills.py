"""A training killed without a warning, twice, ends as one that was not killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from groundsynth.segmentation.training import train_segmentation
from groundsynth.tables import read_table

JOB = Path(__file__).parent / "training_job.py"


def words_of(given: dict[str, Any]) -> list[str]:
    """Arguments of the verb as its command line."""
    words = ["train-segmentation"]
    for name, value in given.items():
        words.append("--" + name.replace("_", "-"))
        if isinstance(value, dict):
            words.append(json.dumps(value))
        else:
            words += map(str, value if isinstance(value, list) else [value])
    return words


def start(words: list[str], hold: str = "") -> "subprocess.Popen[str]":
    """The training as a process that prints what it saves, and stands still before ``hold``."""
    return subprocess.Popen(
        [sys.executable, str(JOB), *words],
        env={**os.environ, "GROUNDSYNTH_TEST_HOLD": hold},
        stdout=subprocess.PIPE,
        text=True,
    )


def killed_at(words: list[str], hold: str) -> list[str]:
    """Start the training, kill it when it stands still, and return what it had saved."""
    with start(words, hold) as job:
        assert job.stdout is not None
        saved = []
        while (line := job.stdout.readline().strip()) != "holding":
            assert line, f"the training ended before {hold}"
            saved.append(line)
        job.kill()
    assert job.returncode == -signal.SIGKILL
    return saved


def test_killed_in_the_first_round_and_after_a_validation_it_ends_as_the_undisturbed_one(
    arguments: Callable[..., dict[str, Any]],
) -> None:
    changes = {"mix": "all", "mix_parts": {"real": True, "unconditional": 7, "conditional": 5}}
    whole = arguments(folder="whole", steps=6, epochs=2, **changes)
    train_segmentation(**whole)
    killed = arguments(folder="killed", steps=6, epochs=2, **changes)
    words = words_of(killed)

    first = killed_at(words, hold="3 0")  # "step round": the round ends with step 3
    assert first == ["1 0", "2 0"]
    assert (killed["state"] / "checkpoint.pt").exists()
    second = killed_at(words, hold="5 1")
    assert list(dict.fromkeys(second)) == ["3 0", "3 1", "4 1"], "saved steps are not taken again"
    assert not killed["model"].exists()
    with start(words) as last:
        said, _ = last.communicate()
    assert last.returncode == 0
    assert list(dict.fromkeys(said.splitlines())) == ["5 1", "6 1", "6 2"]

    names = ["step", "images", "name", "value"]  # all but the seconds
    histories = [read_table(g["history"], "history", names).to_pylist() for g in (whole, killed)]
    assert [row["step"] for row in histories[0]] == [3] * 4 + [6] * 4
    assert histories[0] == histories[1]
    weights = [load_file(given["model"]) for given in (whole, killed)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    for table in ("confusion", "quality"):
        rows = [read_table(given[table], table).to_pylist() for given in (whole, killed)]
        assert rows[0]
        assert rows[0] == rows[1]
    assert not killed["state"].exists()
