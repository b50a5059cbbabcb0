"""Totals and Jensen-Shannon distances against hand-made and SciPy's numbers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import distance

from groundsynth.composition.statistics import (
    ALL_CLASSES,
    compare_populations,
    jensen_shannon_distance,
    population_compositions,
    share_histogram,
    totals,
)
from groundsynth.landcover import Legend
from groundsynth.tables import composition_schema, write_table


def test_totals_weigh_images_by_their_labelled_pixels() -> None:
    shares = np.array([[100.0, 0.0], [0.0, 100.0]])
    assert totals(shares, np.array([0.0, 50.0])) == pytest.approx([200 / 3, 100 / 3])
    assert totals(np.zeros((0, 2)), np.zeros(0)).tolist() == [0, 0]


def test_distance_is_scipys() -> None:
    generator = np.random.default_rng(1)
    for _ in range(20):
        a, b = generator.random(9), generator.random(9)
        a[2] = b[3] = 0
        expected = distance.jensenshannon(a, b, base=2)
        assert jensen_shannon_distance(a, b) == pytest.approx(expected, abs=1e-12)


def test_distance_ends() -> None:
    assert jensen_shannon_distance(np.array([1, 2]), np.array([2, 4])) == 0
    assert jensen_shannon_distance(np.array([1, 0]), np.array([0, 3])) == 1
    assert math.isnan(jensen_shannon_distance(np.zeros(2), np.ones(2)))


def test_histogram_counts_every_image_once() -> None:
    shares = np.array([0.0, 0.0, 0.01, 50.0, 100.0])
    histogram = share_histogram(shares)
    assert histogram.sum() == 5
    assert histogram[0] == 2
    assert histogram[-1] == 1


def test_comparison_rows() -> None:
    real = (np.array([[60.0, 40.0], [100.0, 0.0]]), np.zeros(2))
    moved = (np.array([[0.0, 100.0]]), np.zeros(1))
    rows = compare_populations({"real": real, "same": real, "moved": moved}, ["a", "b"])
    found = {(r["population"], r["class"]): r for r in rows}
    assert len(rows) == 9
    assert found["real", "a"]["total_percent"] == pytest.approx(80)
    assert found["real", "b"]["present_percent"] == 50
    assert found["same", ALL_CLASSES]["jensen_shannon_to_real"] == 0
    assert found["moved", "a"]["jensen_shannon_to_real"] == 1
    alone = compare_populations({"moved": moved}, ["a", "b"])
    assert all(math.isnan(float(r["jensen_shannon_to_real"])) for r in alone)


def test_populations_are_gathered_from_files(tmp_path: Path) -> None:
    classes = [{"name": n, "codes": [i + 1], "color": [0, 0, 0]} for i, n in enumerate("ab")]
    legend = Legend.from_json({"no_data": [0], "classes": classes})
    paths = []
    for number, population in enumerate(["unconditional", "real", "unconditional"]):
        columns = {
            "population": [population],
            "id": [f"i{number}"],
            "mask_source": ["m"],
            "share_a": [float(number)],
            "share_b": [100.0 - number],
            "unlabelled_share": [0.0],
        }
        paths.append(tmp_path / f"{number}.parquet")
        write_table(paths[-1], columns, composition_schema(legend), {})
    found = population_compositions(paths, legend)
    assert list(found) == ["real", "unconditional"]
    assert found["unconditional"][0].tolist() == [[0, 100], [2, 98]]
