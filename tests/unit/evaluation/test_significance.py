"""Intervals and tests from counts: plain loops, exact enumerations, scikit-learn, coverage."""

from __future__ import annotations

import math
import tracemalloc
from itertools import product

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, jaccard_score

from groundsynth.evaluation import significance
from groundsynth.evaluation.significance import (
    Pair,
    Resampling,
    bootstrap_scores,
    holm,
    interval,
    randomisation_p_values,
    score_vector,
    smallest_p,
    sum_units,
)
from groundsynth.segmentation.metrics import class_totals, scores

TEST = Resampling(confidence=0.9, resamples=400, permutations=2000, seed=3)


def made_up(units: int, skill: float, seed: int, classes: int = 3) -> np.ndarray:
    """Totals [units, 3, K] of a model that is right with the probability ``skill``."""
    random = np.random.default_rng([seed, units])
    truth = random.integers(0, classes, (units, 50))
    lucky = np.random.default_rng([seed + 1, units]).random((units, 50)) < skill
    guess = np.where(lucky, truth, random.integers(0, classes, (units, 50)))
    cell = (np.arange(units)[:, None] * classes + truth) * classes + guess
    counts = np.bincount(cell.ravel(), minlength=units * classes**2)
    return class_totals(counts.reshape(units, classes, classes)).astype(float)


def test_scores_of_a_resample_are_scikit_learns_on_its_pixels() -> None:
    random = np.random.default_rng(0)
    truth, guess = random.integers(0, 3, (2, 5, 40))
    counts = [confusion_matrix(t, g, labels=range(3)) for t, g in zip(truth, guess, strict=True)]
    drawn = [0, 2, 2, 4, 4]
    summed = class_totals(np.stack(counts))[drawn].sum(0)
    found = score_vector(summed)
    true, predicted = truth[drawn].ravel(), guess[drawn].ravel()
    assert found[0] == pytest.approx(f1_score(true, predicted, average="macro"), abs=1e-9)
    assert found[1] == pytest.approx(jaccard_score(true, predicted, average="macro"), abs=1e-9)
    assert found[5:] == pytest.approx(f1_score(true, predicted, average=None), abs=1e-9)
    assert found[4] == pytest.approx(scores(np.sum(np.array(counts)[drawn], 0))["accuracy"])


@pytest.mark.parametrize("chunk", [7, 80_000])
def test_a_resample_draws_as_many_units_as_there_are(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(significance, "CHUNK_VALUES", chunk * 12)
    rows = np.concatenate(list(significance._drawn(12, TEST)))
    assert rows.shape == (400, 12)
    assert set(rows.sum(axis=1)) == {12}
    assert len(np.unique(rows, axis=0)) > 390
    assert rows.mean(axis=0) == pytest.approx(np.ones(12), abs=0.2)


def test_resamples_are_the_same_ones_for_every_cell() -> None:
    cell = made_up(20, 0.7, 1)
    found = bootstrap_scores([cell, cell.copy(), made_up(20, 0.5, 5)], TEST)
    assert found.shape == (3, 400, 8)
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """90 % intervals of the accuracy of a model that is right with probability 0.8 (K = 3)."""
    expected = 0.8 + 0.2 / 3
    few = Resampling(confidence=0.9, resamples=200, permutations=1000, seed=1)
    hits = 0
    for trial in range(120):
        low, high = interval(bootstrap_scores([made_up(40, 0.8, trial)], few)[0], 0.9)
        hits += low[4] <= expected <= high[4]
    assert 0.8 <= hits / 120 <= 0.97


def test_a_class_without_a_value_has_no_interval() -> None:
    samples = np.array([[0.1, np.nan, np.nan], [0.2, 0.5, np.nan], [0.3, np.nan, np.nan]])
    low, high = interval(samples, 0.5)
    assert low[:2] == pytest.approx([0.15, 0.5])
    assert high[:2] == pytest.approx([0.25, 0.5])
    assert math.isnan(low[2])
    assert math.isnan(high[2])


def test_few_units_give_the_exact_p_value_of_all_exchanges() -> None:
    first, second = made_up(6, 0.8, 1), made_up(6, 0.6, 1)
    found = randomisation_p_values([first, second], [[Pair(0, 1)]], TEST)[0]
    observed = score_vector(first.sum(0)) - score_vector(second.sum(0))
    extreme = np.zeros(8)
    for swaps in product([0, 1], repeat=6):
        swapped = np.array(swaps, bool)[:, None, None]
        one, other = np.where(swapped, second, first), np.where(swapped, first, second)
        difference = score_vector(one.sum(0)) - score_vector(other.sum(0))
        extreme += np.abs(difference) >= np.abs(observed) - 1e-12
    assert found == pytest.approx(extreme / 64)
    assert smallest_p(6, TEST) == 2 / 64
    assert found.min() >= 2 / 64


def test_many_units_give_nearly_the_exact_p_value() -> None:
    first, second = made_up(10, 0.72, 1), made_up(10, 0.65, 1)
    exact = randomisation_p_values([first, second], [[Pair(0, 1)]], TEST)[0]  # all 1,024
    drawn = Resampling(confidence=0.9, resamples=9, permutations=1000, seed=3)
    near = randomisation_p_values([first, second], [[Pair(0, 1)]], drawn)[0]
    assert near == pytest.approx(exact, abs=0.06)
    assert not np.array_equal(near, exact)
    assert smallest_p(10, drawn) == 1 / 1001


def test_p_values_are_uniform_where_nothing_differs() -> None:
    """Two models of equal skill: about a tenth of the tests is below 0.1."""
    quick = Resampling(confidence=0.9, resamples=9, permutations=200, seed=2)
    found = []
    for trial in range(150):
        cells = [made_up(30, 0.7, 7 * trial), made_up(30, 0.7, 7 * trial + 3)]
        cells[1][:, 1] = cells[0][:, 1]  # the same truth
        found.append(randomisation_p_values(cells, [[Pair(0, 1)]], quick)[0, 4])
    assert 0.04 <= np.mean(np.array(found) < 0.1) <= 0.17


def test_a_group_is_exchanged_together_and_a_clear_gain_is_found() -> None:
    cells = [made_up(25, skill, 1) for skill in (0.5, 0.9, 0.5, 0.9)]
    groups = [[Pair(1, 0)], [Pair(1, 0), Pair(3, 2)], [Pair(0, 2)]]
    found = randomisation_p_values(cells, groups, TEST)
    assert found[0] == pytest.approx(np.full(8, 1 / 2001))
    assert np.array_equal(found[0], found[1])  # the second pair holds the same counts
    assert (found[2] == 1).all()  # no difference at all


def test_a_class_that_nobody_sees_is_not_tested() -> None:
    cells = [made_up(5, skill, 1) for skill in (0.5, 0.9)]
    for cell in cells:
        cell[:, :, 2] = 0
    found = randomisation_p_values(cells, [[Pair(1, 0)]], TEST)[0]
    assert np.isnan(found).tolist() == [False] * 7 + [True]


def test_holms_correction() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    corrected = holm([0.01, math.nan, 0.6])
    assert (corrected[0], corrected[2]) == (pytest.approx(0.02), pytest.approx(0.6))
    assert math.isnan(corrected[1])
    assert holm([]) == []


def test_units_are_summed() -> None:
    totals = np.arange(24).reshape(4, 3, 2)
    found = sum_units(totals, np.array([1, 0, 1, 1]))
    assert np.array_equal(found[0], totals[1])
    assert np.array_equal(found[1], totals[[0, 2, 3]].sum(0))


def test_memory_does_not_grow_with_the_resamples() -> None:
    cells = [made_up(40, 0.7, seed) for seed in (0, 1)]
    cells = [np.tile(cell, (50, 1, 1)) for cell in cells]  # 2,000 units
    many = Resampling(confidence=0.9, resamples=9000, permutations=9000, seed=1)
    tracemalloc.start()
    bootstrap_scores(cells, many)
    randomisation_p_values(cells, [[Pair(0, 1)]], many)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * 9000 * 2000 * 8  # the weights at once would be 144 MB
