"""Boundaries counted by hand and by a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from groundsynth.segmentation.boundaries import count_boundaries
from groundsynth.segmentation.quality_scores import boundary_f1


def halves(column: int) -> torch.Tensor:
    """int64 [1, 8, 12]: class 0 left of a column, class 1 from it on."""
    found = torch.zeros((1, 8, 12), dtype=torch.int64)
    found[:, :, column:] = 1
    return found


def test_edges_within_the_tolerance_are_right() -> None:
    for shift, right in ((0, 8), (1, 8), (2, 8), (3, 0)):
        counts = count_boundaries(halves(5 + shift), halves(5), 2, tolerance=2)
        assert counts.tolist() == [[[8, 8], [right] * 2, [8, 8], [right] * 2]]
        assert boundary_f1(counts.sum(0).numpy()) == (1.0 if right else 0.0)


def test_unlabelled_pixels_have_no_edge() -> None:
    truth = halves(5)
    truth[:, :, 4:7] = 255
    counts = count_boundaries(halves(5), truth, 2, tolerance=1)
    assert counts.sum() == 0
    assert boundary_f1(counts.sum(0).numpy()) is None


def test_counts_are_those_of_a_plain_loop() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, (2, 9, 7)).repeat(2, axis=1)
    guess = np.where(random.random(truth.shape) < 0.7, truth, random.integers(0, 3, truth.shape))
    truth[random.random(truth.shape) < 0.1] = 255
    found = count_boundaries(torch.tensor(guess), torch.tensor(truth), 3, tolerance=1).numpy()

    def edges(maps: np.ndarray, patch: int, number: int) -> set[tuple[int, int]]:
        places = set()
        for y, x in np.ndindex(*truth.shape[1:]):
            around = [
                maps[patch, v, u]
                for v in range(max(y - 1, 0), min(y + 2, truth.shape[1]))
                for u in range(max(x - 1, 0), min(x + 2, truth.shape[2]))
                if truth[patch, v, u] != 255
            ]
            here = truth[patch, y, x] != 255 and maps[patch, y, x] == number
            if here and any(other != number for other in around):
                places.add((y, x))
        return places

    for patch, number in np.ndindex(2, 3):
        first, second = edges(guess, patch, number), edges(truth, patch, number)

        def near(places: set[tuple[int, int]], others: set[tuple[int, int]]) -> int:
            return sum(any(max(abs(y - v), abs(x - u)) <= 1 for v, u in others) for y, x in places)

        expected = [len(first), near(first, second), len(second), near(second, first)]
        assert found[patch, :, number].tolist() == expected


def test_f1_is_the_mean_over_classes_that_have_an_edge() -> None:
    counts = np.array([[10, 0, 0], [5, 0, 0], [20, 4, 0], [20, 0, 0]])
    assert boundary_f1(counts) == pytest.approx((2 * 0.5 * 1 / 1.5 + 0) / 2)
