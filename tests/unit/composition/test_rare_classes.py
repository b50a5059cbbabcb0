"""Rare classes: which they are, and how many images of a population show them."""

from __future__ import annotations

import numpy as np

from groundsynth.composition.rare_classes import rare_class_rows, rare_classes

REAL = (
    np.array([[97.0, 3.0, 0.0], [90.0, 9.5, 0.5], [100.0, 0.0, 0.0], [98.0, 0.0, 2.0]]),
    np.zeros(4),
)
SYNTHETIC = (np.array([[0.0, 100.0, 0.0], [99.0, 0.0, 1.0]]), np.array([0.0, 50.0]))


def test_rare_is_what_the_real_population_has_little_of() -> None:
    assert rare_classes({"unconditional": SYNTHETIC, "real": REAL}) == [1, 2]
    assert rare_classes({"unconditional": SYNTHETIC}) == [2]
    assert rare_classes({"real": (np.zeros((0, 3)), np.zeros(0))}) == []
    assert rare_classes({}) == []


def test_images_are_counted_with_any_and_with_one_percent() -> None:
    rows = rare_class_rows({"real": REAL, "unconditional": SYNTHETIC}, ["a", "b", "c"])
    found = {(row["class"], row["population"]): row for row in rows}
    assert list(found) == [(c, p) for c in "bc" for p in ("real", "unconditional")]
    row = found["c", "real"]
    assert (row["images"], row["images_with_any"], row["images_with_one_percent"]) == (4, 2, 1)
    assert (row["any_percent"], row["one_percent_percent"]) == (50, 25)
    assert row["total_percent"] == 0.625
    half_labelled = found["c", "unconditional"]
    assert half_labelled["images_with_one_percent"] == 1
    assert np.isclose(float(half_labelled["total_percent"]), 1 / 3)
