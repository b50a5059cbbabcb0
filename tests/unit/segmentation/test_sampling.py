"""Which patches a batch takes: a function of seed and step, balanced over the populations."""

import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from groundsynth import run_state
from groundsynth.segmentation.data import Patches, shuffled_batches
from groundsynth.segmentation.populations import Population
from groundsynth.segmentation.sampling import Sampling, balanced_batches, training_batches
from groundsynth.segmentation.trainer import Trainer
from groundsynth.segmentation.training import train_segmentation
from groundsynth.tables import read_provenance, read_table

COUNTS = (40, 3, 11)


def population_of(position: int) -> int:
    return int(np.searchsorted(np.cumsum(COUNTS), position, side="right"))


def test_populations_share_each_batch_and_take_turns_with_the_rest() -> None:
    batches = list(balanced_batches(COUNTS, 8, seed=4, first_step=0, last_step=6))
    shares = [Counter(map(population_of, batch.tolist())) for batch in batches]
    found = [tuple(share[number] for number in range(3)) for share in shares]
    assert found == [(3, 3, 2), (3, 2, 3), (2, 3, 3)] * 2


def test_each_population_goes_through_all_its_patches_before_it_starts_anew() -> None:
    batches = list(balanced_batches(COUNTS, 12, seed=4, first_step=0, last_step=11))
    everything = np.concatenate(batches)
    start = 0
    for count in COUNTS:
        own = everything[(everything >= start) & (everything < start + count)] - start
        assert len(own) == 44
        passes = [own[at : at + count] for at in range(0, 44, count)]
        whole = [part for part in passes if len(part) == count]
        assert all(sorted(part) == list(range(count)) for part in whole)
        start += count
    short = [batch[(batch >= 40) & (batch < 43)] - 40 for batch in batches]
    assert all(len(part) == 4 for part in short)  # shorter than its share
    orders = {tuple(part) for part in np.concatenate(short)[:42].reshape(-1, 3).tolist()}
    assert len(orders) > 1


def test_balanced_batches_do_not_depend_on_where_one_starts_but_on_the_seed() -> None:
    whole = list(balanced_batches(COUNTS, 7, seed=4, first_step=0, last_step=20))
    for first in (1, 5, 19):
        rest = list(balanced_batches(COUNTS, 7, seed=4, first_step=first, last_step=20))
        assert all(np.array_equal(a, b) for a, b in zip(whole[first:], rest, strict=True))
    others = balanced_batches(COUNTS, 7, seed=5, first_step=0, last_step=20)
    assert not all(np.array_equal(a, b) for a, b in zip(whole, others, strict=True))


def test_fewer_places_than_populations_go_round() -> None:
    batches = balanced_batches(COUNTS, 2, seed=1, first_step=0, last_step=3)
    assert [[population_of(n) for n in batch] for batch in batches] == [[0, 1], [0, 2], [1, 2]]


def test_uniform_sampling_is_a_pass_over_the_mix() -> None:
    nothing: Any = None
    population = Population(nothing, nothing, ())
    patches = Patches(tuple((population, np.arange(count)) for count in COUNTS))

    def found(sampling: Sampling) -> list[list[int]]:
        return [batch.tolist() for batch in training_batches(patches, sampling, 8, 4, 2, 12)]

    assert found("uniform") == [batch.tolist() for batch in shuffled_batches(54, 8, 4, 2, 12)]
    assert found("balanced") == [batch.tolist() for batch in balanced_batches(COUNTS, 8, 4, 2, 12)]


def test_balanced_training_takes_equally_and_goes_on_after_a_stop(
    arguments: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {"real": True, "unconditional": 7, "conditional": 1}
    changes = {"mix": "some", "mix_parts": parts, "sampling": "balanced", "batch": 6, "steps": 3}
    taken: list[np.ndarray] = []
    original = Patches.gather

    def gather(self: Patches, positions: np.ndarray, classes: int) -> Any:
        if len(self.parts) == 3:  # the mix, not a real split
            taken.append(positions)
        return original(self, positions, classes)

    monkeypatch.setattr(Patches, "gather", gather)
    whole = arguments(folder="whole", epochs=1, **changes)
    train_segmentation(**whole)
    assert read_provenance(whole["history"])["parameters"]["sampling"] == "balanced"
    shares = [np.searchsorted([16, 23], batch, side="right").tolist() for batch in taken]
    assert shares == [[0, 0, 1, 1, 2, 2]] * 3

    halved = arguments(folder="halved", epochs=1, **changes)
    with monkeypatch.context() as patch:
        step = Trainer._train_step

        def stop(self: Trainer, images: np.ndarray, masks: np.ndarray) -> None:
            step(self, images, masks)
            signal.raise_signal(signal.SIGTERM)

        patch.setattr(Trainer, "_train_step", stop)
        with pytest.raises(run_state.Stopped, match="step 1 of 3"):
            train_segmentation(**halved)
    train_segmentation(**halved)
    assert whole["model"].read_bytes() == halved["model"].read_bytes()
    names = ["step", "images", "name", "value"]
    histories = [read_table(g["history"], "history", names).to_pylist() for g in (whole, halved)]
    assert histories[0] == histories[1]
