"""Fréchet distance of two sets of feature vectors."""

from __future__ import annotations

import numpy as np

from groundsynth.evaluation.moments import Moments, distance


def frechet_distance(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """Fréchet distance of two sets of feature vectors [N, D] and [M, D], computed in float64.

    Works with fewer vectors than dimensions; each set needs at least 2. Raises InputError when
    the sets cannot be compared. Source: Heusel et al. 2017; published figures (FID) have
    Inception features.
    """
    return distance(Moments.of(np.asarray(features_a)), Moments.of(np.asarray(features_b)))
