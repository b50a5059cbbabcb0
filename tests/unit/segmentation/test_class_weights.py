"""Weights of the classes: from the pixels of the mix, counted once."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from groundsynth import run_state
from groundsynth.errors import InputError, StateError
from groundsynth.processes import Processes
from groundsynth.segmentation import class_weights, trainer
from groundsynth.segmentation.class_weights import balanced_weights, count_classes, weights_of
from groundsynth.segmentation.data import Patches, first_samples, joined, split_of
from groundsynth.segmentation.populations import open_population
from groundsynth.segmentation.training import advance_segmentation, train_segmentation
from groundsynth.tables import read_provenance

ALONE = Processes(torch.device("cpu"))


@pytest.fixture
def mix(populations: dict[str, list[Path]]) -> Patches:
    """The real train split and the first 7 unconditional samples."""

    def opened(name: str, real: bool) -> Any:
        kinds = (populations[f"{name}_{kind}"] for kind in ("images", "masks", "indices"))
        return open_population(*kinds, real=real)

    real = split_of(opened("real", True), "train")
    return joined([real, first_samples(opened("unconditional", False), 7, "unconditional")])


def test_weights_are_inverse_to_frequency_with_mean_one_over_what_occurs() -> None:
    found = balanced_weights(np.array([600, 300, 0, 100]))
    inverse = np.array([1 / 6, 1 / 3, 1])
    assert found[[0, 1, 3]] == pytest.approx(inverse / inverse.mean())
    assert found[2] == 1
    assert found[[0, 1, 3]].mean() == pytest.approx(1)


def test_weights_stay_within_their_limits() -> None:
    counts = np.array([10**9, *[10**9] * 20, 1])
    assert balanced_weights(counts).tolist() == [0.1] * 21 + [10.0]
    assert balanced_weights(np.zeros(3, np.int64)).tolist() == [1, 1, 1]


def test_every_labelled_pixel_of_the_mix_is_counted(
    mix: Patches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_weights, "BLOCK", 4)
    blocks: list[int] = []
    found = count_classes(mix, 3, blocks.append)
    masks = mix.gather(np.arange(len(mix)), 3)[1]
    assert (masks == 255).any()
    assert found.tolist() == [(masks == number).sum() for number in range(3)]
    assert blocks == [4] * 5 + [3]
    with pytest.raises(InputError, match="the legend has 2 classes"):
        count_classes(mix, 2)


def test_the_count_is_kept_in_the_state(mix: Patches, tmp_path: Path) -> None:
    state = run_state.RunState(tmp_path, None)
    first = weights_of(mix, 3, state, ALONE)
    assert first is not None
    assert first.tolist() == balanced_weights(count_classes(mix, 3)).tolist()
    again = weights_of(Patches(()), 3, state, ALONE)
    assert again is not None
    assert again.tolist() == first.tolist()
    stopping = run_state.RunState(tmp_path / "other", 0.0)
    assert weights_of(mix, 3, stopping, ALONE) is None
    assert not (tmp_path / "other" / class_weights.FILE).exists()


def test_a_slot_that_ends_while_classes_are_counted_does_not_fail(
    arguments: Callable[..., dict[str, Any]],
) -> None:
    """Only the last one does; what is not counted to the end is counted by the next slot."""
    given = arguments(class_weights="balanced", steps=2)
    outputs = {"model", "history", "confusion", "quality"}
    first = {name: value for name, value in given.items() if name not in outputs}
    receipt = given["state"].with_name("1.json")
    advance_segmentation(**{**first, "slot": 1, "receipt": receipt, "runtime": 1e-6})
    written = json.loads(receipt.read_text("utf-8"))
    assert (written["complete"], written["steps"], written["images"]) == (False, 0, 0)
    with pytest.raises(StateError, match=r"last time slot is spent at step 0 of 2"):
        train_segmentation(**{**given, "runtime": 1e-6})
    train_segmentation(**given)
    assert given["model"].exists()


def test_a_signal_while_classes_are_counted_ends_the_slot_without_its_receipt(
    arguments: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(self: run_state.RunState) -> bool:
        self.signal = signal.SIGTERM
        return True

    monkeypatch.setattr(run_state.RunState, "should_stop", ask)
    with pytest.raises(run_state.Stopped, match="SIGTERM at step 0 of 2") as stopped:
        train_segmentation(**arguments(class_weights="balanced", steps=2))
    assert stopped.value.exit_code == 128 + signal.SIGTERM


def test_training_weighs_the_classes_of_its_mix(
    arguments: Callable[..., dict[str, Any]], mix: Patches, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    original = trainer.make_loss

    def make(name: Any, weights: Any, total: Any) -> Any:
        seen.append(weights)
        return original(name, weights, total)

    monkeypatch.setattr(trainer, "make_loss", make)
    parts = {"real": True, "unconditional": 7, "conditional": 0}
    losses = []
    for chosen in (None, "balanced"):
        given = arguments(
            mix="some", mix_parts=parts, folder=f"cell-{chosen}", class_weights=chosen, steps=2
        )
        train_segmentation(**given)
        record = read_provenance(given["history"])
        assert record["parameters"]["class_weights"] == chosen
        losses.append(given["model"].read_bytes())
    assert seen[:-1] == [None, None]
    expected = balanced_weights(count_classes(mix, 3)).astype(np.float32)
    assert seen[-1].tolist() == expected.tolist()
    assert losses[0] != losses[1]
