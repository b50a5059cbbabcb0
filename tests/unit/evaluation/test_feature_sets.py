"""Sets of features: moments of the whole, a choice by hash, splits and first seeds."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from groundsynth.errors import InputError
from groundsynth.evaluation.feature_sets import FeatureSet, Part, first_parts
from groundsynth.evaluation.feature_tables import write_features


def shards(cuts: list[int], order: list[int]) -> Iterator[Part]:
    """70 vectors of 5 dimensions in shards, in some order."""
    values = (np.random.default_rng(4).normal(size=(70, 5)) + 100).astype(np.float32)
    ids = np.array([f"p{n:03d}" for n in range(70)])
    parts = list(zip(np.split(ids, cuts), np.split(values, cuts), strict=True))
    for number in order:
        yield list(parts[number][0]), parts[number][1]


def test_moments_of_shards_are_those_of_the_whole() -> None:
    joined = FeatureSet.of_parts(shards([0, 1, 33], [0, 1, 2, 3]), "parts", 10, 0)
    ((_, values),) = shards([], [0])
    assert joined.count == joined.moments.count == 70
    assert joined.moments.mean == pytest.approx(values.astype(float).mean(0), rel=1e-12)
    expected = np.cov(values.astype(float), rowvar=False)
    assert joined.moments.covariance == pytest.approx(expected, rel=1e-8)


def test_the_choice_does_not_depend_on_the_shards() -> None:
    one = FeatureSet.of_parts(shards([], [0]), "parts", 10, 3).chosen
    many = FeatureSet.of_parts(shards([7, 20, 64], [2, 0, 3, 1]), "parts", 10, 3).chosen
    other = FeatureSet.of_parts(shards([], [0]), "parts", 10, 4).chosen
    assert one.shape == (10, 5)
    assert np.array_equal(one, many)
    assert not np.array_equal(one, other)  # another seed, another choice
    ((_, values),) = shards([], [0])
    places = [int(np.flatnonzero((values == row).all(1))[0]) for row in one]
    assert len(set(places)) == 10
    assert max(places) - min(places) > 35  # from all over the shards


def test_a_limit_above_the_number_takes_all() -> None:
    found = FeatureSet.of_parts(shards([30], [0, 1]), "parts", 1000, 0)
    ((_, values),) = shards([], [0])
    assert np.array_equal(np.sort(found.chosen, 0), np.sort(values, 0))


def test_a_set_without_vectors_is_named_when_it_is_needed() -> None:
    nothing = FeatureSet.of_parts(shards([0], [0]), "ghosts", 10, 0)
    assert (nothing.count, len(nothing.chosen)) == (0, 0)
    with pytest.raises(InputError, match="no features of ghosts"):
        _ = nothing.moments


def test_the_first_samples_are_those_of_the_lowest_seeds(tmp_path: Path) -> None:
    paths = []
    for shard, seeds in enumerate(([12, 3, 7], [1, 30, 5])):
        ids = [f"unconditional-{seed:08d}" for seed in seeds]
        vectors = np.array([[seed] for seed in seeds], np.float32)
        paths.append(tmp_path / f"{shard}.parquet")
        write_features(paths[-1], "unconditional", ids, "net", vectors, {})
    found = list(first_parts(paths, 4))
    assert [vectors[:, 0].tolist() for _, vectors in found] == [[3, 7], [1, 5]]
    assert found[0][0] == ["unconditional-00000003", "unconditional-00000007"]
    assert sum(len(ids) for ids, _ in first_parts(paths, 50)) == 6
