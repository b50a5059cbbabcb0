"""SPADE against each of its discriminators, by the loop that all trainings share."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from groundsynth.errors import TrainingError
from groundsynth.gan.collapse import CONTEST
from groundsynth.gan.history import History
from groundsynth.gan.real_patches import BatchReader, TrainPatches
from groundsynth.gan.train_spade import advance_spade, train_spade
from groundsynth.parts import Part

KINDS: dict[str, dict[str, Any]] = {
    "patch": {"discriminator": "patch", "scales": 2},
    "segmentation": {"discriminator": "segmentation"},
}
FIGURES = {
    "patch": {"feature_distance", "real_sign"},
    "segmentation": {CONTEST, "mix_loss"},
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def figures(path: Path) -> dict[tuple[int, str], float]:
    """(step, name) -> value of a history."""
    table = pq.read_table(path).to_pydict()
    keys = zip(table["step"], table["name"], strict=True)
    return dict(zip(keys, table["value"], strict=True))


def test_left_and_taken_up_bit_for_bit(spade: Any, kind: str) -> None:
    whole, parts = (spade(name, kimg=0.016, **KINDS[kind]) for name in ("whole", "parts"))
    train_spade(**whole.options, **whole.outputs)
    for slot in (1, 2):  # a step each
        advance_spade(**{**parts.options, "slot": slot, "runtime": 1e-6})
    train_spade(**{**parts.options, "slot": 3}, **{**parts.outputs, "slots": 3})
    assert parts.outputs["model"].read_bytes() == whole.outputs["model"].read_bytes()
    found = figures(whole.outputs["history"])
    assert figures(parts.outputs["history"]) == found
    names = {name for _, name in found}
    assert names >= FIGURES[kind] | {"generator_loss", "discriminator_loss", "sample_spread"}
    assert all(np.isfinite(value) for value in found.values())


def test_micro_batches_equal_the_whole_batch(spade: Any, kind: str) -> None:
    runs = [spade(str(n), micro_batch=n, kimg=0.012, **KINDS[kind]) for n in (2, 4)]
    for run in runs:
        train_spade(**run.options, **run.outputs)
    parts, whole = (figures(run.outputs["history"]) for run in runs)
    for key, value in whole.items():
        if key[1] not in ("sample_spread", "real_sign"):  # across samples; in whole pixels
            assert parts[key] == pytest.approx(value, rel=2e-3, abs=2e-3), key


def test_every_share_knows_the_classes_of_the_whole_batch(shards: Any) -> None:
    patches = TrainPatches(shards.images, shards.masks, shards.indices, classes=3)
    cpu = torch.device("cpu")
    whole = BatchReader(patches, 4, 1, cpu, turns=True, count_classes=True).batch(0)
    assert whole.masks is not None
    assert whole.class_pixels is not None
    expected = [int((whole.masks == n).sum()) for n in range(3)]
    assert whole.class_pixels.tolist() == expected
    assert sum(expected) < whole.masks.numel()  # some are not labelled
    for rank in range(2):
        share = Part(rank, 2)
        batch = BatchReader(patches, 4, 1, cpu, share=share, count_classes=True).batch(0)
        assert len(batch.images) == 2
        assert batch.class_pixels is not None
        assert batch.class_pixels.tolist() == expected
        for part in batch.split(1, rank, 2):
            assert part.class_pixels is batch.class_pixels
    assert BatchReader(patches, 4, 1, cpu).batch(0).class_pixels is None


@pytest.mark.parametrize(("contest", "stops"), [(0.009, True), (0.011, False)])
def test_a_decided_contest_stops_though_classes_are_hard(
    spade: Any, monkeypatch: pytest.MonkeyPatch, contest: float, stops: bool
) -> None:
    """The loss of a segmenting discriminator stays high; its part real against generated counts."""
    micro = spade(kimg=0.044, tick_kimg=0.004, **KINDS["segmentation"])
    original = History.record

    def record(history: History, found: dict[str, torch.Tensor]) -> None:
        if CONTEST in found:
            found = found | {CONTEST: torch.tensor(contest)}
            assert found["discriminator_loss"] > 0.1
        original(history, found)

    monkeypatch.setattr(History, "record", record)
    if not stops:
        train_spade(**micro.options, **micro.outputs)
        return
    with pytest.raises(TrainingError, match=r"tells every image before 40 images.*for 10 ticks"):
        train_spade(**micro.options, **micro.outputs)
