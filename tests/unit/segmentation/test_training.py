"""A cell of the experiment: what it writes, that it learns, and that a killed one goes on."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from groundsynth import device as precisions
from groundsynth import run_state
from groundsynth.errors import ConfigurationError, InputError, StateError, TrainingError
from groundsynth.processes import Processes
from groundsynth.segmentation import trainer
from groundsynth.segmentation.data import Patches
from groundsynth.segmentation.metrics import scores
from groundsynth.segmentation.settings import Settings, round_ends
from groundsynth.segmentation.training import advance_segmentation, train_segmentation
from groundsynth.tables import read_provenance, read_table, write_table

Arguments = Callable[..., dict[str, Any]]
MIXED = {"real": True, "unconditional": 7, "conditional": 5}


def outputs(given: dict[str, Any]) -> tuple[dict[str, torch.Tensor], Any, Any, Any]:
    """Weights, counts, other counts and history (without its times) of a finished training."""
    counts = read_table(given["confusion"], "confusion")["counts"].to_pylist()
    columns = ["step", "images", "name", "value"]
    history = read_table(given["history"], "history", columns).to_pylist()
    quality = read_table(given["quality"], "quality").to_pylist()
    return load_file(given["model"]), counts, quality, history


def assert_equal(first: dict[str, Any], second: dict[str, Any]) -> None:
    weights, others = outputs(first)[0], outputs(second)[0]
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert outputs(first)[1:] == outputs(second)[1:]


def stop_after_steps(monkeypatch: pytest.MonkeyPatch, steps: int, what: Callable[[], None]) -> None:
    """Call ``what`` when the trainer has taken ``steps`` more steps."""
    original = trainer.Trainer._train_step
    taken = []

    def counted(self: trainer.Trainer, images: np.ndarray, masks: np.ndarray) -> None:
        original(self, images, masks)
        taken.append(1)
        if len(taken) == steps:
            what()

    monkeypatch.setattr(trainer.Trainer, "_train_step", counted)


def ask_to_leave() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_mix_with_a_selection_sees_kept_samples_only(
    arguments: Arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def begin(self: trainer.Trainer, network: Any, train: Patches, *others: Any) -> None:
        seen.append(sorted(train.ids))
        raise TrainingError("seen enough")

    monkeypatch.setattr(trainer.Trainer, "__init__", begin)
    ids = [f"unconditional-{seed:08d}" for seed in range(10)]
    columns = {
        "population": ["unconditional"] * 10,
        "id": ids,
        "kept": [seed % 2 == 1 for seed in range(10)],
        "reason": [None if seed % 2 else "low_confidence" for seed in range(10)],
    }
    selection = tmp_path / "selection.parquet"
    write_table(selection, columns, "selection", {})
    parts = {"real": False, "unconditional": 3, "conditional": 0}
    for chosen in (True, False):  # a mix without one is not touched by a table that is given
        given = {"mix_parts": {**parts, "selection": chosen}, "unconditional_selection": selection}
        with pytest.raises(TrainingError, match="seen enough"):
            train_segmentation(**arguments(mix="some", folder=f"cell-{chosen}", **given))
    assert seen == [[ids[1], ids[3], ids[5]], ids[:3]]
    with pytest.raises(InputError, match="takes selected unconditional samples, but no table"):
        train_segmentation(**arguments(mix="some", mix_parts={**parts, "selection": True}))


def test_training_writes_model_history_and_counts(arguments: Arguments) -> None:
    given = arguments(mix="all", mix_parts=MIXED)
    train_segmentation(**given)
    table = read_table(given["confusion"], "confusion").to_pylist()
    assert [row["patch_id"] for row in table] == [f"N36E030_000_{n:03d}" for n in (5, 11, 17, 23)]
    assert all(sum(row["counts"]) == 64 * 61 for row in table)
    others = read_table(given["quality"], "quality").to_pylist()
    assert [row["patch_id"] for row in others] == [row["patch_id"] for row in table]
    assert all(sum(row["calibration"][:15]) == 64 * 61 for row in others)
    right = [sum(row["calibration"][15:30]) for row in others]
    assert right == [sum(row["counts"][::4]) for row in table]
    history = read_table(given["history"], "history").to_pylist()
    assert [(row["step"], row["name"]) for row in history] == [
        (step, name) for step in (2, 4) for name in ("loss", "f1", "iou", "learning_rate")
    ]
    assert [row["images"] for row in history[::4]] == [8, 16]
    about = json.loads(given["model"].with_suffix(".json").read_text())
    assert about["class_names"] == ["tree", "crop", "water"]
    assert (about["mix"], about["mix_parts"]) == ("all", MIXED)
    assert about["validation_f1"] == max(r["value"] for r in history if r["name"] == "f1")
    assert read_provenance(given["confusion"])["parameters"]["loss"] == "dice"
    assert not given["state"].exists()


def test_training_learns_to_tell_the_classes(arguments: Arguments) -> None:
    given = arguments(epochs=4, steps=40, batch=8, loss="dice_ce")
    train_segmentation(**given)
    counts = np.array(outputs(given)[1]).reshape(-1, 3, 3).sum(0)
    assert scores(counts)["f1"] > 0.9


@pytest.mark.parametrize("stop", [1, 3])
def test_killed_training_ends_as_one_that_was_not(
    arguments: Arguments, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    changes = {"mix": "all", "mix_parts": MIXED, "architecture": "deeplabv3plus", "epochs": 3}
    changes["schedule"] = "plateau" if stop == 1 else "cosine"
    whole = arguments(folder="whole", **changes)
    train_segmentation(**whole)
    halved = arguments(folder="halved", **changes)
    with monkeypatch.context() as patch:
        stop_after_steps(patch, stop, ask_to_leave)
        with pytest.raises(run_state.Stopped, match=rf"SIGTERM at step {stop} of 4") as stopped:
            train_segmentation(**halved)
    assert stopped.value.exit_code == 128 + signal.SIGTERM
    assert not halved["model"].exists()
    torch.manual_seed(99)  # the state carries its own random numbers
    train_segmentation(**halved)
    assert_equal(whole, halved)


def test_training_killed_in_validation_and_in_its_test_goes_on(
    arguments: Arguments, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = arguments(folder="whole"), arguments(folder="broken")
    train_segmentation(**whole)
    for stop_at, place in ((3, "step 2 of 4"), (5, "the test of the trained model")):
        with monkeypatch.context() as patch:
            asked: list[int] = []

            def leave(self: run_state.RunState, limit: int = stop_at, seen: Any = asked) -> bool:
                seen.append(1)
                return len(seen) >= limit

            patch.setattr(run_state.RunState, "should_stop", leave)
            with pytest.raises(run_state.Stopped, match=place):
                train_segmentation(**broken)
    train_segmentation(**broken)
    assert_equal(whole, broken)


def test_spent_time_slot_saves_and_leaves(
    arguments: Arguments, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = arguments(runtime=1e-6)
    with pytest.raises(StateError, match=r"last time slot is spent at step 1 of 4.*more slots"):
        train_segmentation(**given)
    assert (given["state"] / "checkpoint.pt").exists()
    train_segmentation(**{**given, "runtime": None})
    assert given["confusion"].exists()


def slot_of(given: dict[str, Any], number: int, **changes: Any) -> dict[str, Any]:
    """Arguments of a time slot before the last."""
    outputs = {"model", "history", "confusion", "quality"}
    kept = {name: value for name, value in given.items() if name not in outputs}
    receipt = given["model"].with_name(f"{number}.json")
    return {**kept, "slot": number, "receipt": receipt, **changes}


def test_three_slots_equal_one(arguments: Arguments, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is ended by the clock, the second finds the training complete."""
    changes = {"architecture": "deeplabv3plus", "schedule": "cosine"}
    whole, parts = arguments(folder="whole", **changes), arguments(folder="parts", **changes)
    train_segmentation(**whole)
    advance_segmentation(**slot_of(parts, 1, runtime=1e-6))
    first = json.loads((parts["model"].with_name("1.json")).read_text())
    assert first.pop("seconds") > 0
    assert first == {"slot": 1, "complete": False, "steps": 1, "images": 4}
    torch.manual_seed(99)
    advance_segmentation(**slot_of(parts, 2))
    second = json.loads((parts["model"].with_name("2.json")).read_text())
    assert (second["complete"], second["steps"]) == (True, 4)
    monkeypatch.setattr(trainer.Trainer, "_train_step", lambda *_: pytest.fail("a step was taken"))
    train_segmentation(**parts)
    assert_equal(whole, parts)
    assert not parts["state"].exists()


def test_a_signal_ends_a_slot_without_its_receipt(
    arguments: Arguments, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = slot_of(arguments(), 1)
    stop_after_steps(monkeypatch, 2, ask_to_leave)
    with pytest.raises(run_state.Stopped, match="SIGTERM at step 2 of 4"):
        advance_segmentation(**given)
    assert (given["state"] / "checkpoint.pt").exists()
    assert not given["receipt"].exists()


def test_state_of_other_parameters_is_not_continued(
    arguments: Arguments, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = arguments(folder="fresh", learning_rate=5e-3)
    train_segmentation(**fresh)
    with monkeypatch.context() as patch:
        stop_after_steps(patch, 3, ask_to_leave)
        with pytest.raises(run_state.Stopped):
            train_segmentation(**arguments(folder="other"))
    other = arguments(folder="other", learning_rate=5e-3)
    train_segmentation(**other)
    assert "learning_rate" in capsys.readouterr().err
    assert_equal(fresh, other)


def test_training_stops_early_and_keeps_the_best_round(
    arguments: Arguments, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter([0.3, 0.5, 0.5, 0.4, 0.2, 0.9, 0.9, 0.9])
    rounds: list[dict[str, torch.Tensor]] = []

    def judged(counts: np.ndarray) -> dict[str, float]:
        return {"f1": next(values), "iou": 0.0}

    original = trainer.Trainer._judge

    def remember(self: trainer.Trainer, f1: float) -> None:
        rounds.append({name: p.detach().clone() for name, p in self.model.named_parameters()})
        original(self, f1)

    monkeypatch.setattr(trainer, "scores", judged)
    monkeypatch.setattr(trainer.Trainer, "_judge", remember)
    given = arguments(epochs=8, steps=8, patience=1, stop_patience=3)
    train_segmentation(**given)
    history = read_table(given["history"], "history").to_pylist()
    rates = [row["value"] for row in history if row["name"] == "learning_rate"]
    assert rates == pytest.approx([2e-3, 2e-3, 2e-3, 2e-3, 2e-4])  # best: round 2; then three more
    weights = outputs(given)[0]
    assert all(torch.equal(weights[name], value) for name, value in rounds[1].items())
    assert not all(torch.equal(weights[name], value) for name, value in rounds[2].items())


def test_cosine_schedule_falls_to_nothing_whatever_the_validation_says(
    arguments: Arguments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "scores", lambda counts: {"f1": 0.1, "iou": 0.1})
    given = arguments(schedule="cosine", epochs=4, steps=4, patience=0)
    train_segmentation(**given)
    history = read_table(given["history"], "history").to_pylist()
    rates = [row["value"] for row in history if row["name"] == "learning_rate"]
    expected = [2e-3 * (1 + np.cos(np.pi * step / 4)) / 2 for step in range(4)]
    assert rates == pytest.approx(expected)


def test_loss_that_is_no_number_is_reported(
    arguments: Arguments, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TrainingError, match="no longer a number at step"):
        train_segmentation(**arguments(learning_rate=1e30, clip_norm=1e30, weight_decay=0.0))


def test_rounds_of_both_budgets() -> None:
    assert round_ends("epochs", 3, 999, patches=50, batch=24) == (2, 4, 6)
    assert round_ends("epochs", 2, 0, patches=5, batch=24) == (1, 2)
    assert round_ends("steps", 3, 10, patches=50, batch=24) == (3, 7, 10)
    assert round_ends("steps", 4, 2, patches=50, batch=24)[-1] == 2


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"architecture": "pan"}, ConfigurationError, "pan needs patches of at least 128"),
        ({"mix_parts": {"real": True, "unconditional": 11}}, ConfigurationError, "only 10 exist"),
        ({"batch": 1}, ConfigurationError, "needs two patches"),
        ({"precision": "float16"}, ConfigurationError, "float16 needs a GPU"),
        ({"real_images": [Path("absent.npy")]}, InputError, "absent.npy is missing"),
    ],
)
def test_what_cannot_work_is_refused(
    arguments: Arguments, changes: dict[str, Any], kind: type[Exception], message: str
) -> None:
    given = arguments(**changes)
    with pytest.raises(kind, match=message):
        train_segmentation(**given)
    assert not given["model"].exists()


def test_training_in_bfloat16_gives_finite_float32_weights(arguments: Arguments) -> None:
    given = arguments(precision="bfloat16", epochs=1, steps=2)
    train_segmentation(**given)
    weights = outputs(given)[0]
    assert {w.dtype for w in weights.values()} == {torch.float32, torch.int64}
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_steps_that_overflow_in_float16_are_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On a CPU, where float16 is refused in earnest, so that losses are scaled as on a GPU."""
    monkeypatch.setattr(precisions, "CPU_PRECISIONS", ("float16",))
    settings = Settings((9,), 2, 0.01, "plateau", 0.0, 3, 5, 1.0, "dice_ce", 1, "float16")
    nothing: Any = None

    def trainer_of(model: torch.nn.Module) -> trainer.Trainer:
        alone = Processes(torch.device("cpu"))
        return trainer.Trainer(model, nothing, nothing, 3, settings, alone)

    training = trainer_of(torch.nn.Conv2d(3, 3, 1))
    training.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20)
    before = training.model.weight.detach().clone()
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    masks = draw.integers(0, 3, (2, 8, 8), dtype=np.uint8)
    training._train_step(images, masks)
    assert torch.equal(training.model.weight, before)
    assert training.scaler.get_scale() == 2.0**19
    for _ in range(8):
        training._train_step(images, masks)
    assert not torch.equal(training.model.weight, before)
    assert torch.isfinite(training.model.weight).all()
    training.save(run_state.RunState(tmp_path, None))
    again = trainer_of(torch.nn.Conv2d(3, 3, 1))
    again.restore(tmp_path)
    assert again.scaler.get_scale() == training.scaler.get_scale() < 2.0**19


def test_model_on_synthetic_patches_only_is_tested_on_real_ones(arguments: Arguments) -> None:
    given = arguments(mix="synthetic", mix_parts={"unconditional": 8, "conditional": 0}, steps=2)
    train_segmentation(**given)
    assert len(outputs(given)[1]) == 4
