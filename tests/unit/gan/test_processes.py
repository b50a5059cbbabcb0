"""A batch in parts, one after the other or over processes, is trained on as if it were whole."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from torchrun import two_processes

from groundsynth.errors import ConfigurationError
from groundsynth.gan.micro_batches import accumulate, part_size
from groundsynth.gan.train_spade import SpadeOptions, train_spade
from groundsynth.gan.train_spade import build as build_spade
from groundsynth.gan.train_stylegan import StyleganOptions, train_stylegan
from groundsynth.gan.train_stylegan import build as build_stylegan
from groundsynth.parts import Part
from groundsynth.processes import Processes

ALONE = Processes(torch.device("cpu"))


def figures(path: Path) -> dict[tuple[int, str], float]:
    """(step, name) -> value of a history."""
    table = pq.read_table(path).to_pydict()
    keys = zip(table["step"], table["name"], strict=True)
    return dict(zip(keys, table["value"], strict=True))


def assert_equal_trainings(found: Any, expected: Any, tolerance: float) -> None:
    """Weights, each relative to the largest of its tensor, and histories agree."""
    weights, others = (load_file(run.outputs["model"]) for run in (found, expected))
    assert weights.keys() == others.keys()
    for name, weight in weights.items():
        error = (weight - others[name]).abs().max()
        assert error <= tolerance * others[name].abs().max().clamp(min=1e-6), name
    assert figures(found.outputs["history"]) == pytest.approx(
        figures(expected.outputs["history"]), rel=tolerance
    )


def test_two_processes_equal_two_micro_batches_of_stylegan(stylegan: Any) -> None:
    """Three steps, left after the first and taken up again."""
    changes = {"batch": 8, "kimg": 0.024, "tick_kimg": 0.024, "augment": "ada", "ada_target": -1.1}
    whole, shared = stylegan("whole", micro_batch=4, **changes), stylegan("shared", **changes)
    train_stylegan(**whole.options, **whole.outputs)
    two_processes("advance-stylegan", shared.options | {"runtime": 1e-6, "micro_batch": 4})
    assert json.loads(shared.options["receipt"].read_text())["steps"] == 1
    said = two_processes("train-stylegan", {**shared.options, "micro_batch": 4, **shared.outputs})
    assert said.count("training: 24 of 24 img") == 1
    assert_equal_trainings(shared, whole, 1e-4)
    assert {"path_length", "r1_penalty", "augment_p"} <= {
        name for _, name in figures(whole.outputs["history"])
    }


def test_two_processes_equal_two_micro_batches_of_spade(spade: Any) -> None:
    changes = {"kimg": 0.012, "warmup_kimg": 0.0}
    whole, shared = spade("whole", micro_batch=2, **changes), spade("shared", **changes)
    train_spade(**whole.options, **whole.outputs)
    two_processes("train-spade", {**shared.options, **shared.outputs})
    assert_equal_trainings(shared, whole, 1e-4)


def test_micro_batches_equal_the_whole_batch(spade: Any) -> None:
    """Nothing in SPADE looks across samples but the measured spread."""
    runs = [spade(str(size), micro_batch=size, kimg=0.012, warmup_kimg=0.0) for size in (2, 4)]
    for run in runs:
        train_spade(**run.options, **run.outputs)
    parts, whole = (figures(run.outputs["history"]) for run in runs)
    assert "mix_loss" in {name for _, name in whole}
    for key, value in whole.items():
        if key[1] != "sample_spread":
            assert parts[key] == pytest.approx(value, rel=2e-3), key


def test_running_means_see_the_whole_batch(stylegan: Any) -> None:
    centres = []
    for size in (8, 4):
        options = stylegan(batch=8, generator_rate=1e-9).options
        trainer = build_stylegan(StyleganOptions(**options, micro_batch=size), ALONE)
        trainer.step()
        centres.append(trainer.networks.generator.state_dict()["mapping.w_avg"])
    assert centres[0].abs().max() > 1e-5
    assert torch.allclose(*centres, rtol=1e-4, atol=1e-8)


def test_means_of_gradients_and_changes() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    memory, constant = torch.tensor(1.0), torch.tensor(0.1)

    def propagate(value: float) -> dict[str, torch.Tensor]:
        loss = (layer.weight * value).sum()
        loss.backward()
        memory.mul_(value)
        return {"value": torch.tensor(value)}

    found = accumulate([1.0, 2.0, 6.0], propagate, layer, [memory, constant], ALONE)
    assert found["value"].item() == pytest.approx(3)
    assert layer.weight.grad is not None
    assert layer.weight.grad.item() == pytest.approx(3)
    assert memory.item() == pytest.approx(3)
    assert constant.item() == torch.tensor(0.1).item()


def test_part_sizes() -> None:
    assert part_size(256, None, 8) == 32
    assert part_size(256, 16, 8) == 16
    with pytest.raises(ConfigurationError, match="256 cannot be divided into parts of 48 over 2"):
        part_size(256, 48, 2)
    with pytest.raises(ConfigurationError, match="parts of 1 over 2 processes"):
        part_size(2, None, 2)


def test_each_process_reads_its_share(spade: Any) -> None:
    options = SpadeOptions(**spade(micro_batch=2).options)
    whole = build_spade(options, ALONE).reader.batch(4)
    for rank in range(2):
        processes = Processes(torch.device("cpu"), rank, 2)
        batch = build_spade(options, processes).reader.batch(4)
        rows = Part(rank, 2).rows(2)
        assert torch.equal(batch.images, whole.images[rows])
        assert batch.masks is not None
        assert whole.masks is not None
        assert torch.equal(batch.masks, whole.masks[rows])
        (part,) = batch.split(2, rank, 2)
        assert part.part == Part(rank, 2)
