"""The Fréchet distance: closed forms, SciPy's matrix root, few samples, shards."""

import numpy as np
import pytest
from scipy import linalg

from groundsynth.errors import InputError
from groundsynth.evaluation.frechet import frechet_distance


def by_matrix_root(a: np.ndarray, b: np.ndarray) -> float:
    """The distance as its formula is usually computed, with a matrix square root."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(first @ second).real
    step = a.mean(0) - b.mean(0)
    return float(step @ step + np.trace(first + second - 2 * root))


def correlated(random: np.random.Generator, count: int, width: int) -> np.ndarray:
    mixing = random.normal(size=(width, width))
    return random.normal(size=(count, width)) @ mixing + random.normal(size=width)


def exactly(values: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Samples shifted and scaled to have exactly the given mean and covariance."""
    centred = values - values.mean(0)
    white = centred @ np.linalg.inv(np.linalg.cholesky(np.cov(centred, rowvar=False))).T
    shaped: np.ndarray = white @ np.linalg.cholesky(covariance).T + mean
    return shaped


def test_closed_form_of_commuting_covariances() -> None:
    random = np.random.default_rng(0)
    means = np.array([1.0, -2.0, 0.5]), np.array([0.0, 1.0, 0.5])
    variances = np.array([1.0, 4.0, 9.0]), np.array([4.0, 4.0, 1.0])
    a, b = (
        exactly(random.normal(size=(50, 3)), mean, np.diag(variance))
        for mean, variance in zip(means, variances, strict=True)
    )
    expected = 1 + 9 + ((np.sqrt(variances[0]) - np.sqrt(variances[1])) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("width", [1, 8, 40])
def test_equals_the_matrix_root_where_that_is_stable(width: int) -> None:
    random = np.random.default_rng(width)
    a, b = correlated(random, 300, width), correlated(random, 200, width)
    expected = by_matrix_root(a, b) if width > 1 else _one_dimension(a, b)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)


def _one_dimension(a: np.ndarray, b: np.ndarray) -> float:
    return float((a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2)


def test_fewer_samples_than_dimensions() -> None:
    """Embedded in more dimensions by an isometry, the distance stays the same."""
    random = np.random.default_rng(1)
    a, b = correlated(random, 30, 6), correlated(random, 25, 6)
    isometry = np.linalg.qr(random.normal(size=(64, 6)))[0].T
    expected = frechet_distance(a, b)
    assert frechet_distance(a @ isometry, b @ isometry) == pytest.approx(expected, rel=1e-9)


def test_equal_sets_have_distance_zero_and_order_does_not_matter() -> None:
    random = np.random.default_rng(2)
    a, b = correlated(random, 20, 64), correlated(random, 40, 64)
    scale = np.trace(np.cov(a, rowvar=False))
    assert 0 <= frechet_distance(a, a) < 1e-9 * scale
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-10)


def test_float32_features_are_computed_in_float64() -> None:
    random = np.random.default_rng(3)
    a, b = (correlated(random, 100, 5).astype(np.float32) + 1000 for _ in range(2))
    expected = frechet_distance(a.astype(np.float64), b.astype(np.float64))
    assert frechet_distance(a, b) == expected


def test_what_has_no_distance_is_refused() -> None:
    values = np.random.default_rng(5).normal(size=(9, 4))
    with pytest.raises(InputError, match="at least 2 feature vectors, not 1"):
        frechet_distance(values[:1], values)
    with pytest.raises(InputError, match="of 4 and of 3 dimensions"):
        frechet_distance(values, values[:, :3])
    values[3, 2] = np.nan
    with pytest.raises(InputError, match="no numbers"):
        frechet_distance(values, values)
