"""Checkpoints: one can always be loaded, and a resumed training draws the same random numbers."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from groundsynth import checkpoint
from groundsynth.checkpoint import LATEST, PREVIOUS, load_checkpoint, save_checkpoint
from groundsynth.errors import OutputError

from .conftest import small_files

CPU = torch.device("cpu")


def draws() -> list[float]:
    """One number of each random generator."""
    return [
        random.random(),
        random.gauss(0, 1),
        float(np.random.random()),
        float(torch.rand(())),
    ]


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    weight = torch.nn.Parameter(torch.rand(2, 3))
    state: dict[str, Any] = {
        "network": OrderedDict(weight=weight),
        "optimizer": {
            "state": {0: {"step": torch.tensor(1.0), "exp_avg_sq": torch.rand(2, 3)}},
            "param_groups": [{"lr": 0.1, "betas": (0.0, 0.99), "fused": None, "params": [0]}],
        },
        "step": 7,
        "best": None,
        "name": "ağaç",
        "history": [(1, 8, 0.5, "loss", float("nan")), (2, 16, 1.0, "loss", 0.1)],
        "nested": OrderedDict(flag=True, blob=b"\x00", size=torch.Size([2]), kind=torch.float16),
    }
    save_checkpoint(tmp_path, state)
    found = load_checkpoint(tmp_path, CPU)
    assert found is not None
    assert found.keys() == state.keys()
    assert torch.equal(found["network"]["weight"], weight)
    moments = found["optimizer"]["state"][0]["exp_avg_sq"]
    assert torch.equal(moments, state["optimizer"]["state"][0]["exp_avg_sq"])
    assert found["optimizer"]["param_groups"] == state["optimizer"]["param_groups"]
    assert (found["step"], found["best"], found["name"]) == (7, None, "ağaç")
    assert found["history"][1] == state["history"][1]
    assert found["nested"] == state["nested"]


def test_random_numbers_go_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    random.gauss(0, 1)  # leaves half of a pair behind
    save_checkpoint(tmp_path, {})
    expected = [draws() for _ in range(3)]
    random.seed(9)
    np.random.seed(9)
    torch.manual_seed(9)
    load_checkpoint(tmp_path, CPU)
    assert [draws() for _ in range(3)] == expected


def test_none_where_nothing_was_saved(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path, CPU) is None


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for step in range(4):
        save_checkpoint(tmp_path, {"step": step})
    assert {path.name for path in tmp_path.iterdir()} == {LATEST, PREVIOUS}
    assert (load_checkpoint(tmp_path, CPU) or {})["step"] == 3
    (tmp_path / LATEST).unlink()
    assert (load_checkpoint(tmp_path, CPU) or {})["step"] == 2


@pytest.mark.parametrize("damage", ["truncated", "empty", "garbage", "other pickle", "zeros"])
def test_a_broken_checkpoint_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    for step in range(2):
        save_checkpoint(tmp_path, {"step": step, "weights": torch.ones(10_000)})
    path = tmp_path / LATEST
    content = path.read_bytes()
    path.write_bytes(
        {
            "truncated": content[: len(content) // 2],
            "empty": b"",
            "garbage": b"no checkpoint at all",
            "other pickle": b"\x80\x04cos\nsystem\n.",
            "zeros": bytes(len(content)),
        }[damage]
    )
    assert (load_checkpoint(tmp_path, CPU) or {})["step"] == 0
    message = capsys.readouterr().err
    assert f"{path} cannot be read" in message
    assert len(message.splitlines()) == 1


def test_an_object_that_may_not_be_loaded_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in range(2):
        save_checkpoint(tmp_path, {"step": step})
    torch.save({"step": 2, "path": Path("a")}, tmp_path / LATEST)
    assert (load_checkpoint(tmp_path, CPU) or {})["step"] == 0
    assert f"{tmp_path / LATEST} cannot be read" in capsys.readouterr().err


def test_two_broken_checkpoints_start_the_training_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (LATEST, PREVIOUS):
        (tmp_path / name).write_bytes(b"broken")
    assert load_checkpoint(tmp_path, CPU) is None
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_full_device_is_no_broken_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passing a good checkpoint over because a GPU is full would throw a training away."""
    save_checkpoint(tmp_path, {"step": 1})
    load = torch.load

    def full(path: Path, map_location: Any, **options: Any) -> Any:
        if map_location == CPU:
            raise torch.OutOfMemoryError("the device is full")
        return load(path, map_location=map_location, **options)

    monkeypatch.setattr(checkpoint.torch, "load", full)
    with pytest.raises(torch.OutOfMemoryError):
        load_checkpoint(tmp_path, CPU)


@pytest.mark.parametrize(
    ("state", "named"),
    [
        ({"best": np.float64(0.5)}, r"the state\['best'\] is a float64"),
        ({"history": [[1, np.int64(2)]]}, r"the state\['history'\]\[0\]\[1\] is a int64"),
        ({"steps": {np.int64(1): 2}}, r"the state\['steps'\]\[.*1.*\] is a int64"),
        ({"path": Path("a")}, r"the state\['path'\] is a PosixPath"),
        ({"array": np.zeros(2)}, r"the state\['array'\] is a ndarray"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(
    tmp_path: Path, state: dict[str, Any], named: str
) -> None:
    save_checkpoint(tmp_path, {"step": 1})
    with pytest.raises(TypeError, match=named):
        save_checkpoint(tmp_path, state)
    assert (load_checkpoint(tmp_path, CPU) or {})["step"] == 1


def test_an_error_while_writing_keeps_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in range(2):
        save_checkpoint(tmp_path, {"step": step})

    def fail(value: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(checkpoint.torch, "save", fail)
    with pytest.raises(OSError, match="Input/output"):
        save_checkpoint(tmp_path, {"step": 2})
    assert (load_checkpoint(tmp_path, CPU) or {})["step"] == 1
    assert {path.name for path in tmp_path.iterdir()} == {LATEST, PREVIOUS}


def test_a_full_disk_keeps_the_newest(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {"step": 1})
    with (
        small_files(100_000),
        pytest.raises(OutputError, match=r"checkpoint\.pt cannot be written"),
    ):
        save_checkpoint(tmp_path, {"step": 2, "weights": torch.ones(100_000)})
    assert (load_checkpoint(tmp_path, CPU) or {})["step"] == 1
    assert {path.name for path in tmp_path.iterdir()} == {LATEST}


def test_a_failing_device_is_no_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(value: Any, path: Path) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(checkpoint.torch, "save", fail)
    with pytest.raises(RuntimeError, match="CUDA error"):
        save_checkpoint(tmp_path, {"step": 1})


SAVING = """
import sys, torch
from pathlib import Path
from groundsynth.checkpoint import save_checkpoint
step = 0
while True:
    step += 1
    state = {"step": step, "weights": torch.full((50_000,), float(step))}
    save_checkpoint(Path(sys.argv[1]), state)
    print(step, flush=True)
"""


def test_a_process_killed_at_any_moment_leaves_a_checkpoint(tmp_path: Path) -> None:
    """SIGKILL falls between the bytes of a file, between two files, and into renaming.

    What it would leave is what is there while the process is stopped.
    """
    folder = tmp_path / "state"
    folder.mkdir()
    writer = subprocess.Popen(
        [sys.executable, "-c", SAVING, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    last = 0
    for number, moment in enumerate(np.random.default_rng(0).uniform(0.002, 0.02, 40)):
        time.sleep(moment)
        writer.send_signal(signal.SIGSTOP)
        os.waitpid(writer.pid, os.WUNTRACED)
        left = tmp_path / str(number)
        shutil.copytree(folder, left)
        writer.send_signal(signal.SIGCONT)
        found = load_checkpoint(left, CPU)
        assert found is not None
        assert found["step"] >= last
        assert found["weights"].eq(found["step"]).all()
        last = found["step"]
        assert len([path for path in left.iterdir() if path.name not in (LATEST, PREVIOUS)]) <= 1
    writer.kill()
    writer.communicate()
    assert last > 20
