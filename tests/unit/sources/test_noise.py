"""Noise: standard score, independence of the window, agreement of grid and points."""

import numpy as np
import pytest

from groundsynth.sources.noise import Noise, hashed, key_of, uniform

LONGITUDE = np.linspace(-20, 20, 400)
LATITUDE = np.linspace(10, -10, 200)


def test_noise_has_mean_0_and_deviation_1() -> None:
    field = Noise(key_of(1, "test"), 0.5, 3).on_grid(LONGITUDE, LATITUDE)
    assert field.dtype == np.float32
    assert abs(field.mean()) < 0.05
    assert field.std() == pytest.approx(1, abs=0.05)


def test_a_window_of_the_field_is_the_field_of_the_window() -> None:
    noise = Noise(key_of(1, "test"), 0.5, 4)
    whole = noise.on_grid(LONGITUDE, LATITUDE)
    part = noise.on_grid(LONGITUDE[37:90], LATITUDE[101:150])
    np.testing.assert_array_equal(whole[101:150, 37:90], part)


def test_noise_is_smooth_and_has_the_given_wavelength() -> None:
    fine = np.arange(0, 20, 0.01)
    line = Noise(key_of(1, "test"), 0.5, 1).on_grid(fine, np.zeros(1))[0]
    assert np.abs(np.diff(line)).max() < 0.12
    correlation = [np.corrcoef(line[:-lag], line[lag:])[0, 1] for lag in (5, 200)]
    assert correlation[0] > 0.95
    assert abs(correlation[1]) < 0.3


def test_hashes_are_even_and_tell_neighbours_and_keys_apart() -> None:
    column, row = np.arange(-300, 300)[:, None], np.arange(-300, 300)[None, :]
    values = uniform(column, row, 7)
    assert values.min() >= 0
    assert values.max() < 1
    counts = np.histogram(values, 16, (0, 1))[0]
    assert counts.min() > 0.95 * counts.mean()
    for other in (
        uniform(column + 1, row, 7),
        uniform(column, row + 1, 7),
        uniform(column, row, 8),
    ):
        assert abs(np.corrcoef(values.ravel(), other.ravel())[0, 1]) < 0.01
    assert len(np.unique(hashed(column, row, 7))) > 0.9999 * values.size


def test_keys_differ_by_seed_and_name() -> None:
    assert len({key_of(seed, name) for seed in (1, 2) for name in ("a", "b")}) == 4
