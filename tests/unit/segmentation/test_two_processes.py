"""Trainings over two processes are those of one, and end as a whole when one of them does.

In float64: AdamW takes the gradients that are nothing but rounding for full ones, so that
trainings in float32 part by more than their errors.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torchrun import TORCHRUN, words_of

from groundsynth.cli import main
from groundsynth.errors import ConfigurationError
from groundsynth.files import read_json
from groundsynth.parts import WHOLE, Part
from groundsynth.processes import Processes
from groundsynth.segmentation import training
from groundsynth.segmentation.confusion import confusion_of
from groundsynth.segmentation.data import Patches
from groundsynth.segmentation.options import LastSlotOptions
from groundsynth.segmentation.training import open_cell
from groundsynth.tables import read_table

from .conftest import arguments_in, populations_in

Arguments = Callable[..., dict[str, Any]]
CELLS: dict[str, dict[str, Any]] = {
    "unet": {"loss": "dice", "batch": 6},
    "segformer": {"loss": "dice_ce", "class_weights": "balanced", "encoder": "mit_b0"},
}
"""Of which the first is trained in two slots; ``mit_b0`` draws which paths it drops."""
PROGRAM = """
import json, sys
from pathlib import Path
import torch
import torch.distributed as dist
from groundsynth.cli import main
from groundsynth.segmentation import training

torch.Tensor.float = torch.Tensor.double
build = training.build_model
training.build_model = lambda *options: build(*options).double()
begin, dist.destroy_process_group = dist.init_process_group, lambda: None
dist.init_process_group = lambda *given, **named: dist.is_initialized() or begin(*given, **named)
for command in json.loads(Path(sys.argv[1]).read_text("utf-8")):
    if code := main(command):
        sys.exit(code)
"""


@dataclass(frozen=True)
class Trained:
    """Arguments of the trainings of one process and of two, what the two said, and the end."""

    one: dict[str, dict[str, Any]]
    two: dict[str, dict[str, Any]]
    receipt: Path
    said: str
    code: int
    seconds_to_end: float
    killed: dict[str, Any]


def command(verb: str, given: dict[str, Any]) -> list[str]:
    """Words of a verb's command line."""
    return [verb, *words_of({n: "" if value is None else value for n, value in given.items()})]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Every cell over two processes, in the same two; the first is killed in a last, long one."""
    folder = tmp_path_factory.mktemp("processes")
    make = arguments_in(folder, populations_in(folder))
    one = {name: make(folder=f"1-{name}", architecture=name, **CELLS[name]) for name in CELLS}
    two = {name: make(folder=f"2-{name}", architecture=name, **CELLS[name]) for name in CELLS}
    last = {"model", "history", "confusion", "quality"}
    first_slot = {name: value for name, value in two["unet"].items() if name not in last}
    receipt = folder / "receipt.json"
    first_slot |= {"slot": 1, "receipt": receipt, "runtime": 1e-6}
    long = make(folder="long", architecture="unet", steps=10_000, epochs=5000, stop_patience=9999)
    commands = [command("advance-segmentation", first_slot)]
    commands += [command("train-segmentation", given) for given in (*two.values(), long)]
    (folder / "commands.json").write_text(json.dumps(commands), "utf-8")
    (folder / "program.py").write_text(PROGRAM, "utf-8")
    said = folder / "said.txt"
    with said.open("w") as stream:
        words = [sys.executable, *TORCHRUN, folder / "program.py", folder / "commands.json"]
        running = subprocess.Popen(words, stderr=stream)
        while not (long["state"] / "checkpoint.pt").exists():
            assert running.poll() is None, said.read_text("utf-8")
            time.sleep(0.1)
        os.kill(read_json(long["state"] / "lease.json")["pid"], signal.SIGKILL)
        killed = time.monotonic()
        code = running.wait(120)
    seconds = time.monotonic() - killed
    return Trained(one, two, receipt, said.read_text("utf-8"), code, seconds, long)


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the two processes do to compute in float64."""
    build = training.build_model
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    monkeypatch.setattr(training, "build_model", lambda *options: build(*options).double())


def history(given: dict[str, Any]) -> dict[tuple[int, int, str], float]:
    """(step, images, name) -> value of a training."""
    rows = read_table(given["history"], "history").to_pylist()
    return {(row["step"], row["images"], row["name"]): row["value"] for row in rows}


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("name", CELLS)
def test_two_processes_equal_one(trained: Trained, name: str) -> None:
    one, two = trained.one[name], trained.two[name]
    assert main(command("train-segmentation", one)) == 0
    weights, others = load_file(one["model"]), load_file(two["model"])
    assert weights.keys() == others.keys()
    for key, weight in weights.items():
        assert (weight - others[key]).abs().max() <= 1e-5 * weight.abs().max().clamp(min=1e-6), key
    assert len(history(one)) == 8
    assert history(two) == pytest.approx(history(one), rel=1e-9)
    counts = [read_table(given["confusion"], "confusion") for given in (one, two)]
    assert counts[0].equals(counts[1])


def test_the_first_process_speaks_and_writes(trained: Trained) -> None:
    assert trained.said.count("class weights: 16 of 16 patch") == 1
    assert trained.said.count("segmentation: 4 of 4 step") == 2
    assert trained.said.count("segmentation test: 4 of 4 patch") == 2
    receipt = read_json(trained.receipt)
    assert receipt.pop("seconds") > 0
    assert receipt == {"slot": 1, "complete": False, "steps": 1, "images": 6}
    assert not trained.two["unet"]["state"].exists()


def test_all_end_when_the_first_is_killed(trained: Trained) -> None:
    assert trained.code != 0
    assert trained.seconds_to_end < 60
    assert (trained.killed["state"] / "checkpoint.pt").exists()
    assert not trained.killed["model"].exists()


def test_each_process_reads_its_share_of_a_batch(
    arguments: Arguments, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[list[list[int]]] = []

    def read(patches: Any, positions: Any, classes: int) -> Any:
        taken.append([batch.tolist() for batch in positions])
        return iter(())

    monkeypatch.setattr("groundsynth.segmentation.trainer.read_batches", read)
    cell = open_cell(LastSlotOptions(**arguments(batch=6)))
    for rank, count in ((0, 1), (0, 3), (1, 3), (2, 3)):
        cell.build(Processes(torch.device("cpu"), rank, count)).take_steps(2)
    whole, *shares = taken
    assert [len(batch) for batch in whole] == [6, 6]
    assert [[*a, *b, *c] for a, b, c in zip(*shares, strict=True)] == whole
    with pytest.raises(ConfigurationError, match="batch of 6 of 16 patches cannot be divided"):
        cell.build(Processes(torch.device("cpu"), 0, 4))


def test_each_process_counts_its_share_of_the_patches(arguments: Arguments) -> None:
    """Seven patches in batches of three over two processes: one of them has none of the last."""
    patches = open_cell(LastSlotOptions(**arguments())).splits["train"]
    ((population, rows),) = patches.parts
    seven = Patches(((population, rows[:7]),))
    torch.manual_seed(0)
    model = torch.nn.Conv2d(3, 3, 1)
    calls: list[int] = []

    def counts(part: Part) -> np.ndarray:
        device = torch.device("cpu")
        options = {"classes": 3, "batch": 3, "device": device, "precision": "float32"}
        return confusion_of(model, seven, after_batch=calls.append, part=part, **options)

    whole = counts(WHOLE)
    assert calls == [3, 3, 1]
    shares = [counts(Part(rank, 2)) for rank in range(2)]
    assert calls[3:] == [2, 2, 1, 1, 1, 0], "as many calls in each process, which meet in them"
    assert np.array_equal(sum(shares), whole)
    assert not (shares[0].any((1, 2)) & shares[1].any((1, 2))).any()
