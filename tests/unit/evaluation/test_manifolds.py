"""Precision, recall, density and coverage on sets made by hand."""

import numpy as np
import pytest

from groundsynth.evaluation.manifolds import SCORES, manifold_scores


def cloud(seed: int, count: int, shift: float = 0.0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(count, 3)) + shift
    return values.astype(np.float32)


def direct(real: np.ndarray, samples: np.ndarray, k: int) -> dict[str, float]:
    """The definitions of the papers, vector by vector."""

    def radius(of: np.ndarray, within: np.ndarray) -> float:
        return float(np.sort(np.linalg.norm(within - of, axis=1))[k])  # the first is itself

    balls = [(r, radius(r, real)) for r in real]
    fakes = [(s, radius(s, samples)) for s in samples]
    inside = np.array([[np.linalg.norm(s - r) < size for r, size in balls] for s in samples])
    covered = np.array([[np.linalg.norm(r - s) < size for s, size in fakes] for r in real])
    return {
        "precision": inside.any(1).mean(),
        "recall": covered.any(1).mean(),
        "density": inside.sum() / k / len(samples),
        "coverage": inside.any(0).mean(),
    }


def test_a_set_covers_itself() -> None:
    points = cloud(0, 40)
    assert manifold_scores(points, points, 5) == dict.fromkeys(SCORES, 1.0)


def test_sets_apart_share_nothing() -> None:
    assert manifold_scores(cloud(0, 30), cloud(1, 20, 100.0), 5) == dict.fromkeys(SCORES, 0.0)


@pytest.mark.parametrize("k", [1, 5])
def test_scores_are_those_of_the_definitions(k: int) -> None:
    real, samples = cloud(2, 40), cloud(3, 25, 0.8)
    found = manifold_scores(real, samples, k)
    assert found == pytest.approx(direct(real, samples, k), abs=1e-9)
    assert len(set(found.values())) == 4  # no score stands for another


def test_samples_of_one_half_are_precise_but_recall_half() -> None:
    real = np.concatenate([cloud(4, 50), cloud(5, 50, 50.0)])
    found = manifold_scores(real, cloud(6, 50), 5)
    assert found["precision"] is not None
    assert found["precision"] > 0.8
    for name in ("recall", "coverage"):
        value = found[name]
        assert value is not None
        assert 0.3 < value <= 0.5


def test_too_few_vectors_have_no_score() -> None:
    none = dict.fromkeys(SCORES)
    assert manifold_scores(cloud(0, 6), cloud(1, 30), 5) == none
    assert manifold_scores(cloud(0, 30), cloud(1, 6), 5) == none
    assert manifold_scores(cloud(0, 7), cloud(0, 7), 5) != none
