"""Mean and covariance of features, gathered shard by shard, and the Fréchet distance of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from groundsynth.errors import InputError


@dataclass(frozen=True)
class Moments:
    """Number of vectors, their mean [D], and the sum of outer products of deviations [D, D]."""

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Moments:
        """Moments of [N, D] vectors, in float64; N is 1 or more."""
        values = np.asarray(features, np.float64)
        mean = values.mean(0)
        centred = values - mean
        return cls(len(values), mean, centred.T @ centred)

    def __add__(self, other: Moments) -> Moments:
        """Moments of both sets together (Chan, Golub and LeVeque 1983)."""
        count = self.count + other.count
        step = other.mean - self.mean
        weight = self.count * other.count / count
        return Moments(
            count,
            self.mean + step * (other.count / count),
            self.scatter + other.scatter + weight * np.outer(step, step),
        )

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased covariance [D, D]; InputError below two vectors."""
        if self.count < 2:
            raise InputError(
                f"A covariance needs at least 2 feature vectors, not {self.count}; sample more "
                "images or enlarge the split."
            )
        return self.scatter / (self.count - 1)


def distance(a: Moments, b: Moments) -> float:
    """Fréchet distance of two Gaussians (Dowson and Landau 1982; Heusel et al. 2017).

    |mean_a - mean_b|^2 + tr(A) + tr(B) - 2 tr((A B)^(1/2)). The last trace is the sum of the
    singular values of A^(1/2) B^(1/2), which stays exact where the covariances are singular,
    that is with fewer vectors than dimensions; a matrix square root of A B does not.
    """
    if a.mean.shape != b.mean.shape:
        raise InputError(
            f"Features of {len(a.mean)} and of {len(b.mean)} dimensions cannot be compared; "
            "extract both with the same model."
        )
    first, second = a.covariance, b.covariance
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InputError("The features hold values that are no numbers; extract them again.")
    roots = _root(first) @ _root(second)
    overlap = linalg.svdvals(roots).sum()
    value = np.sum((a.mean - b.mean) ** 2) + np.trace(first) + np.trace(second) - 2 * overlap
    return float(max(value, 0.0))  # rounding can leave -1e-12 for equal sets


def _root(matrix: np.ndarray) -> np.ndarray:
    """Symmetric square root of a positive semi-definite matrix."""
    values, vectors = linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
