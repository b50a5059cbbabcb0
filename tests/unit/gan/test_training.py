"""The shared loop: left and taken up bit for bit, slots and receipts, trainings gone wrong."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from groundsynth.checkpoint import LATEST
from groundsynth.errors import ConfigurationError, InputError, StateError, TrainingError
from groundsynth.gan import losses
from groundsynth.gan.generator_files import sidecar_of
from groundsynth.gan.history import History
from groundsynth.gan.real_patches import BatchReader, TrainPatches
from groundsynth.gan.schedule import Schedule
from groundsynth.gan.train_spade import advance_spade, train_spade
from groundsynth.gan.train_stylegan import advance_stylegan, train_stylegan
from groundsynth.gan.training import Trainer
from groundsynth.run_state import RunState, Stopped

Verb = Callable[..., None]
KINDS = [("stylegan", advance_stylegan, train_stylegan), ("spade", advance_spade, train_spade)]


@pytest.fixture(params=KINDS, ids=[kind[0] for kind in KINDS])
def kind(request: pytest.FixtureRequest) -> tuple[Any, Verb, Verb]:
    """Maker of a micro training, its advancing and its finishing verb, for both models."""
    name, advance, train = request.param
    return request.getfixturevalue(name), advance, train


def stop_after_steps(monkeypatch: pytest.MonkeyPatch, steps: int, signal_number: Any) -> None:
    """Send a signal to the run after so many questions whether to stop: one comes a step."""
    asked = 0
    original = RunState.should_stop

    def should_stop(run: RunState) -> bool:
        nonlocal asked
        asked += 1
        if asked == steps:
            run.signal = signal_number
        return original(run)

    monkeypatch.setattr(RunState, "should_stop", should_stop)


def rows(path: Path) -> list[tuple[Any, ...]]:
    """History without the seconds."""
    table = pq.read_table(path).to_pydict()
    columns = [table[name] for name in ("step", "images", "name", "value")]
    return list(zip(*columns, strict=True))


def receipt(micro: Any) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(micro.options["receipt"].read_text())
    return value


def test_ten_steps_equal_five_and_five(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make, advance, train = kind
    whole, parts = make("whole"), make("parts")
    train(**whole.options, **whole.outputs)
    with monkeypatch.context() as patch:
        stop_after_steps(patch, 5, signal.SIGUSR1)
        advance(**parts.options)
    assert receipt(parts)["complete"] is False
    assert receipt(parts)["steps"] == 5
    train(**{**parts.options, "slot": 2}, **{**parts.outputs, "slots": 2})
    assert receipt(parts) == receipt(whole) | {"slot": 2, "seconds": receipt(parts)["seconds"]}
    weights = whole.outputs["model"].read_bytes()
    assert parts.outputs["model"].read_bytes() == weights
    assert rows(parts.outputs["history"]) == rows(whole.outputs["history"])
    assert {row[0] for row in rows(whole.outputs["history"])} == {3, 6, 9, 10}
    for name in ("preview", "progress"):
        assert parts.outputs[name].read_bytes() == whole.outputs[name].read_bytes()
    assert not parts.state.exists()


def test_augmentation_strength_goes_on(stylegan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = (stylegan(name, augment="ada", ada_target=-1.1) for name in ("whole", "parts"))
    train_stylegan(**whole.options, **whole.outputs)
    with monkeypatch.context() as patch:
        stop_after_steps(patch, 5, signal.SIGUSR1)
        advance_stylegan(**parts.options)
    train_stylegan(**parts.options, **parts.outputs)
    found = rows(parts.outputs["history"])
    assert found == rows(whole.outputs["history"])
    strengths = [value for step, _, name, value in found if name == "augment_p"]
    assert strengths[0] == 0
    assert strengths[-1] > 0


def test_slot_by_the_clock(stylegan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    micro = stylegan(runtime=1e-6)
    advance_stylegan(**micro.options)
    assert receipt(micro) | {"seconds": 0} == {
        "slot": 1,
        "complete": False,
        "steps": 1,
        "images": 4,
        "seconds": 0,
    }
    advance_stylegan(**micro.options | {"slot": 2})
    assert receipt(micro)["steps"] == 2
    assert (micro.state / LATEST).exists()


def test_last_slot_incomplete_fails_and_keeps_state(kind: Any) -> None:
    make, _, train = kind
    micro = make(runtime=1e-6)
    with pytest.raises(StateError, match=r"step 1 of 10.*more slots"):
        train(**micro.options, **micro.outputs)
    assert (micro.state / LATEST).exists()
    assert not micro.outputs["model"].exists()
    assert not micro.options["receipt"].exists()
    train(**micro.options | {"runtime": None}, **micro.outputs)
    assert micro.outputs["model"].exists()


def test_sigterm_saves_and_leaves(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make, advance, _ = kind
    micro = make()
    stop_after_steps(monkeypatch, 4, signal.SIGTERM)
    with pytest.raises(Stopped, match="SIGTERM at step 4 of 10") as stopped:
        advance(**micro.options)
    assert stopped.value.exit_code == 128 + signal.SIGTERM
    saved = torch.load(micro.state / LATEST, weights_only=True)
    assert saved["steps"] == 4
    assert not micro.options["receipt"].exists()


def test_finished_training_returns_at_once(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make, advance, train = kind
    micro = make()
    advance(**micro.options)
    assert receipt(micro)["complete"] is True

    def forbidden(trainer: Trainer) -> None:
        raise AssertionError("a finished training took a step")

    monkeypatch.setattr(Trainer, "step", forbidden)
    started = time.process_time()
    advance(**micro.options | {"slot": 2})
    assert receipt(micro) | {"seconds": 0} == {
        "slot": 2,
        "complete": True,
        "steps": 10,
        "images": 40,
        "seconds": 0,
    }
    train(**micro.options | {"slot": 3}, **micro.outputs | {"slots": 3})
    assert time.process_time() - started < 5
    assert micro.outputs["model"].exists()


def test_divergence_stops_before_it_is_saved(
    stylegan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    micro = stylegan()
    original, calls = losses.generator_logistic, 0

    def broken(logits: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return original(logits) * (float("nan") if calls == 5 else 1.0)

    monkeypatch.setattr(losses, "generator_logistic", broken)
    with pytest.raises(TrainingError, match="generator_loss is nan"):
        train_stylegan(**micro.options, **micro.outputs)
    saved = torch.load(micro.state / LATEST, weights_only=True)
    assert saved["steps"] == 3
    assert all(torch.isfinite(t).all() for t in saved["networks"]["generator"].values())
    assert not micro.outputs["model"].exists()


def test_a_broken_weight_is_not_saved(stylegan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses are finite in the step whose gradient is not; the tick of 12 images comes first."""
    micro = stylegan(r1_gamma=0.0, path_length_weight=0.0)
    original, steps = Trainer.step, 0

    def step(trainer: Trainer) -> None:
        nonlocal steps
        steps += 1
        original(trainer)
        if steps == 6:
            next(trainer.networks.discriminator.parameters()).detach()[:1].fill_(float("inf"))

    monkeypatch.setattr(Trainer, "step", step)
    with pytest.raises(TrainingError, match="before 24 images: a weight is no longer a number"):
        train_stylegan(**micro.options, **micro.outputs)
    assert torch.load(micro.state / LATEST, weights_only=True)["steps"] == 3


@pytest.mark.parametrize(("loss", "stops"), [(0.009, True), (0.011, False)])
def test_a_decided_contest_stops(
    spade: Any, monkeypatch: pytest.MonkeyPatch, loss: float, stops: bool
) -> None:
    micro = spade(kimg=0.056, tick_kimg=0.004)
    original = History.record

    def record(history: History, figures: dict[str, torch.Tensor]) -> None:
        if "discriminator_loss" in figures:  # high in the first step, then at its bound
            figures = figures | {"discriminator_loss": torch.tensor(loss if history.rows else 1.0)}
        original(history, figures)

    monkeypatch.setattr(History, "record", record)
    if not stops:
        train_spade(**micro.options, **micro.outputs)
        return
    with pytest.raises(TrainingError, match=r"tells every image before 44 images.*for 10 ticks"):
        train_spade(**micro.options, **micro.outputs)
    assert torch.load(micro.state / LATEST, weights_only=True)["steps"] == 10


def test_collapse_stops(spade: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    micro = spade()
    monkeypatch.setattr(
        "groundsynth.gan.spade.Generator.forward",
        lambda self, condition, z=None: condition[:, :3] * 0 + self.conv_img.bias[:, None, None],
    )
    with pytest.raises(TrainingError, match="collapsed before 12 images"):
        train_spade(**micro.options, **micro.outputs)


def test_outputs(spade: Any, shards: Any) -> None:
    micro = spade()
    train_spade(**micro.options, **micro.outputs)
    found = rows(micro.outputs["history"])
    names = {name for _, _, name, _ in found}
    assert {"generator_loss", "discriminator_loss", "feature_distance", "mix_loss"} <= names
    assert all(np.isfinite(value) for *_, value in found)
    picture = np.asarray(Image.open(micro.outputs["preview"]))
    assert picture.shape == (4 * 16, 8 * 16, 3)
    description = json.loads(sidecar_of(micro.outputs["model"]).read_text())
    assert description["classes"] == ["tree", "crop", "water"]
    assert description["images"] == 40
    assert description["provenance"]["parameters"]["batch"] == 4


def test_unlike_parameters_start_anew(spade: Any, capsys: pytest.CaptureFixture[str]) -> None:
    micro = spade()
    advance_spade(**micro.options)
    advance_spade(**micro.options | {"kimg": 0.004, "generator_rate": 0.001})
    assert "generator_rate" in capsys.readouterr().err
    assert receipt(micro)["steps"] == 1


def test_average_lags_behind(stylegan: Any) -> None:
    micro = stylegan(ema_kimg=1000.0, kimg=0.008)
    advance_stylegan(**micro.options)
    networks = torch.load(micro.state / LATEST, weights_only=True)["networks"]
    name = "synthesis.b8.conv0.weight"
    assert not torch.equal(networks["average"][name], networks["generator"][name])
    assert torch.equal(networks["average"]["mapping.w_avg"], networks["generator"]["mapping.w_avg"])


def test_batches_hold_train_patches_once_a_pass(shards: Any) -> None:
    patches = TrainPatches(shards.images, shards.masks, shards.indices, classes=3)
    assert patches.ids == shards.train_ids
    reader = BatchReader(patches, 4, seed=1, device=torch.device("cpu"))
    batches = [reader.batch(seen) for seen in (0, 4)]
    masks = torch.cat([batch.masks for batch in batches if batch.masks is not None])
    assert 2 not in masks
    assert len(torch.unique(masks.flatten(1), dim=0)) == len(shards.train_ids)
    again = BatchReader(patches, 4, seed=1, device=torch.device("cpu")).batch(4)
    assert torch.equal(again.images, batches[1].images)
    assert batches[0].images.min() >= -1
    assert batches[0].images.max() <= 1


def test_image_and_mask_move_together(shards: Any) -> None:
    for images, masks in zip(shards.images, shards.masks, strict=True):
        np.save(images, np.repeat(np.load(masks)[..., None] % 3, 3, axis=-1))
    patches = TrainPatches(shards.images, shards.masks, shards.indices, classes=3)
    plain = BatchReader(patches, 8, seed=1, device=torch.device("cpu")).batch(0)
    reader = BatchReader(patches, 8, 1, torch.device("cpu"), x_flip=True, turns=True)
    moved = reader.batch(0)
    assert plain.masks is not None
    assert moved.masks is not None
    assert not torch.equal(plain.masks, moved.masks)
    pixels = ((moved.images + 1) * 127.5).round().to(torch.uint8)
    assert torch.equal(pixels[:, 0], moved.masks % 3)


def test_shard_and_index_of_unlike_length(shards: Any) -> None:
    np.save(shards.images[1], np.load(shards.images[1])[:5])
    with pytest.raises(InputError, match=r"B.images.npy holds 5 patches, its index 6"):
        TrainPatches(shards.images, [], shards.indices, classes=3)


def test_mask_value_outside_the_legend(shards: Any) -> None:
    masks = np.load(shards.masks[0])
    masks[1, 3, 3] = 3
    np.save(shards.masks[0], masks)
    patches = TrainPatches(shards.images, shards.masks, shards.indices, classes=3)
    with pytest.raises(InputError, match="A_000_001 holds the value 3"):
        patches.masks_at(np.arange(4))


def test_schedule_refuses_what_cannot_work() -> None:
    assert Schedule(batch=3, kimg=0.01, tick_kimg=0.006, ema_kimg=0).steps == 4
    with pytest.raises(ConfigurationError, match="batch 1"):
        Schedule(batch=1, kimg=1, tick_kimg=1, ema_kimg=1)
