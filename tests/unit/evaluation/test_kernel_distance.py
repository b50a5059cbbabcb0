"""Kernel distance: the unbiased estimate with the cubic kernel, written out."""

import numpy as np
import pytest

from groundsynth.evaluation.kernel_distance import kernel_distance


def features(seed: int, count: int, shift: float = 0.0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(count, 6)) + shift
    return values.astype(np.float32)


def direct(x: np.ndarray, y: np.ndarray) -> float:
    """Mean kernel within each set, without the diagonal, less twice the mean across."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float((np.dot(a.astype(float), b.astype(float)) / len(a) + 1) ** 3)

    n = len(x)
    within = [
        sum(kernel(s[i], s[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
        for s in (x, y)
    ]
    across = sum(kernel(a, b) for a in x for b in y) / n**2
    return within[0] + within[1] - 2 * across


def test_of_whole_sets_it_is_the_direct_sum() -> None:
    x, y = features(0, 12, 0.5), features(1, 12)
    mean, deviation = kernel_distance(x, y, subsets=3, subset_size=1000, seed=7)
    assert mean == pytest.approx(direct(x, y), rel=1e-9)
    assert deviation == pytest.approx(0, abs=1e-12)  # every subset is the whole set


def test_subsets_are_those_of_the_seed() -> None:
    x, y = features(2, 60, 1.0), features(3, 90)
    first = kernel_distance(x, y, subsets=20, subset_size=30, seed=7)
    assert first == kernel_distance(x, y, subsets=20, subset_size=30, seed=7)
    assert first != kernel_distance(x, y, subsets=20, subset_size=30, seed=8)
    assert first[0] is not None
    assert first[1] is not None
    assert first[1] > 0
    half = kernel_distance(x[:60], y[:60], subsets=1, subset_size=60, seed=0)[0]
    assert first[0] == pytest.approx(half, rel=0.3)


def test_sets_of_one_distribution_are_near_zero() -> None:
    same = kernel_distance(features(4, 300), features(5, 300), subsets=5, subset_size=200, seed=0)
    other = kernel_distance(
        features(4, 300, 1.0), features(5, 300), subsets=5, subset_size=200, seed=0
    )
    assert same[0] is not None
    assert other[0] is not None
    assert abs(same[0]) < 0.05 < 0.5 < other[0]


def test_a_single_vector_has_no_kernel_distance() -> None:
    found = kernel_distance(features(0, 1), features(1, 9), subsets=3, subset_size=5, seed=0)
    assert found == (None, None)
