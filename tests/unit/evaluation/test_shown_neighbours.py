"""Samples shown beside their neighbours: spread over the distances, neighbours exact."""

import numpy as np
import pytest

from groundsynth.evaluation.leaks import Scale
from groundsynth.evaluation.nearest import several_nearest
from groundsynth.evaluation.shown_neighbours import NEIGHBOURS, neighbour_columns, spread_over


@pytest.mark.parametrize("block", [1, 5, 1000])
def test_several_nearest_are_those_of_all_distances(block: int) -> None:
    random = np.random.default_rng(1)
    queries, references = (random.normal(size=(n, 6)).astype(np.float32) for n in (3, 47))
    references[40] = queries[1]  # a copy
    parts = [references[:10], references[10:10], references[10:]]
    distances, numbers = several_nearest(queries, parts, 4, block)
    gaps = np.linalg.norm(queries[:, None].astype(float) - references[None], axis=2)
    np.testing.assert_array_equal(numbers, gaps.argsort(1)[:, :4])
    np.testing.assert_allclose(distances, np.sort(gaps, 1)[:, :4], rtol=1e-6)
    assert (numbers[1, 0], distances[1, 0]) == (40, 0)


def test_of_equal_distances_the_first_reference_counts() -> None:
    references = np.array([[2], [1], [-1], [1]], np.float32)
    distances, numbers = several_nearest(np.zeros((1, 1)), [references[:2], references[2:]], 9, 2)
    assert numbers.tolist() == [[1, 2, 3, 0]]
    assert distances.tolist() == [[1, 1, 1, 2]]


def test_samples_are_spread_from_the_nearest_to_the_farthest() -> None:
    distances = np.array([5, 1, 3, 2, 4, 9, 8, 7, 6], np.float32)
    rows, nearer = spread_over(distances, list("abcdefghi"), 5)
    assert distances[rows].tolist() == [1, 3, 5, 7, 9]
    assert nearer.tolist() == [0, 25, 50, 75, 100]
    rows, nearer = spread_over(np.array([2.0, 1.0, 1.0]), ["a", "c", "b"], 5)
    assert (rows.tolist(), nearer.tolist()) == ([2, 1, 0], [0, 50, 100])
    rows, nearer = spread_over(np.array([2.0]), ["a"], 5)
    assert (rows.tolist(), nearer.tolist()) == ([0], [0])


def test_vectors_of_the_shown_samples_come_from_whichever_table() -> None:
    train = [(["p", "q"], np.array([[0, 0], [10, 0]])), ([], np.zeros((0, 0)))]
    train.append((["r"], np.array([[0, 8]])))
    samples = [(["a"], np.array([[9, 0]])), (["b", "c"], np.array([[0, 7], [1, 0]]))]
    scale = Scale(3, np.zeros(2), np.array([1.0, 2.0]))  # the second feature counts half
    columns = neighbour_columns(
        "conditional",
        ["a", "b", "c"],
        np.array([1, 0.5, 1], np.float32),
        samples,
        train,
        scale=scale,
        block=2,
    )
    assert NEIGHBOURS > 3
    assert columns["id"] == ["b"] * 3 + ["a"] * 3 + ["c"] * 3
    assert columns["patch_id"] == ["r", "p", "q", "q", "p", "r", "p", "r", "q"]
    assert columns["rank"] == [1, 2, 3] * 3
    assert columns["distance"][:3].tolist() == pytest.approx([0.5, 3.5, np.hypot(10, 3.5)])
    assert columns["nearer_percent"] == [0] * 3 + [50] * 3 + [100] * 3
    assert columns["population"] == ["conditional"] * 9
