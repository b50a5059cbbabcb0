"""Trainings and sampling in half precision: on a CPU, and what a GPU would add by a stand-in.

float16 is refused on CPUs in earnest (they are slow in it); here it is allowed, so that losses
are scaled as on a GPU. The upper resolutions of a StyleGAN stay float32 on CPUs all the same.
"""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from groundsynth import device as precisions
from groundsynth.checkpoint import LATEST
from groundsynth.errors import ConfigurationError
from groundsynth.gan import training
from groundsynth.gan.generator_files import load_generator
from groundsynth.gan.sampling import sample_unconditional
from groundsynth.gan.train_spade import advance_spade, train_spade
from groundsynth.gan.train_stylegan import advance_stylegan, train_stylegan
from groundsynth.run_state import RunState

Verb = Callable[..., None]
KINDS = {"stylegan": (advance_stylegan, train_stylegan), "spade": (advance_spade, train_spade)}
FIRST_SCALE = {"stylegan": 2.0**127, "spade": 2.0**20}
"""Scales with which the first gradients overflow: those of float32, those of float16."""
STEPS = {"stylegan": 13, "spade": 10}
"""Steps of the optimiser of the generator in the ten of the training, if none is left out."""


@pytest.fixture
def float16_on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precisions, "CPU_PRECISIONS", ("float32", "bfloat16", "float16"))


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """End the slot after so many steps."""
    asked = iter(range(1, 100))
    original = RunState.should_stop

    def should_stop(run: RunState) -> bool:
        if next(asked) == steps:
            run.signal = signal.SIGUSR1
        return original(run)

    monkeypatch.setattr(RunState, "should_stop", should_stop)


@pytest.mark.usefixtures("float16_on_cpu")
@pytest.mark.parametrize("kind", KINDS)
def test_steps_that_overflow_are_left_out_and_the_scale_is_kept(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, (advance, train) = request.getfixturevalue(kind), KINDS[kind]
    first = FIRST_SCALE[kind]
    monkeypatch.setattr(
        training, "loss_scaler", lambda device, _: torch.amp.GradScaler("cpu", init_scale=first)
    )
    whole, parts = (make(name, precision="float16", keep_state=True) for name in ("a", "b"))
    train(**whole.options, **whole.outputs)
    with monkeypatch.context() as patch:
        stop_after(patch, 5)
        advance(**parts.options)
    halfway = torch.load(parts.state / LATEST, weights_only=True)
    assert halfway["steps"] == 5
    train(**parts.options | {"slot": 2}, **parts.outputs | {"slots": 2})
    end = torch.load(whole.state / LATEST, weights_only=True)
    assert 1 < end["scaler"]["scale"] < first
    weights = load_file(whole.outputs["model"])
    assert all(torch.isfinite(value).all() for value in weights.values())
    taken = {int(state["step"]) for o in end["optimizers"] for state in o["state"].values()}
    assert 0 < max(taken) < STEPS[kind], "some steps were taken, some left out"
    assert parts.outputs["model"].read_bytes() == whole.outputs["model"].read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_training_in_bfloat16_gives_finite_float32_weights(
    kind: str, request: pytest.FixtureRequest
) -> None:
    micro = request.getfixturevalue(kind)(precision="bfloat16", kimg=0.008)
    KINDS[kind][1](**micro.options, **micro.outputs)
    weights = load_file(micro.outputs["model"])
    assert {value.dtype for value in weights.values()} <= {torch.float32, torch.int64}
    assert all(torch.isfinite(value).all() for value in weights.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["float16", "float64"])
def test_a_precision_that_the_device_has_not_is_refused_before_training(
    kind: str, precision: str, request: pytest.FixtureRequest
) -> None:
    micro = request.getfixturevalue(kind)(precision=precision)
    with pytest.raises(ConfigurationError, match=f"precision '?{precision}"):
        KINDS[kind][0](**micro.options)
    assert not micro.options["receipt"].exists()


def test_sampling_asks_what_the_device_can(stylegan_model: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"model": stylegan_model, "first_seed": 1, "count": 2, "batch": 2}
    options |= {"truncation": 1.0, "device": "cpu", "index": tmp_path / "index.parquet"}
    options |= {"state": tmp_path / "state", "keep_state": False}
    made = {}
    for precision in ("float32", "bfloat16"):
        path = tmp_path / f"{precision}.npy"
        sample_unconditional(**options, precision=precision, images=path)
        made[precision] = np.load(path)
    assert np.array_equal(made["float32"], made["bfloat16"]), "a StyleGAN is float32 on a CPU"
    with pytest.raises(ConfigurationError, match="float16 needs a GPU"):
        sample_unconditional(**options, precision="float16", images=tmp_path / "half.npy")
    assert not (tmp_path / "half.npy").exists()


def test_the_upper_resolutions_of_a_loaded_generator_have_the_type(
    stylegan_model: Path, float16_on_cpu: None
) -> None:
    for precision in ("float16", "bfloat16"):
        generator: Any = load_generator(stylegan_model, torch.device("cpu"), precision)[0]
        assert generator.synthesis.b16.low_precision == getattr(torch, precision)
        assert generator.synthesis.b4.low_precision == torch.float32
