"""Whether a map's composition is one that real maps have.

A composition is plausible where the real training composition nearest to it is not farther than
such compositions commonly are from one another: within a percentile of the distances of each real
training composition to the nearest other one. Distances are sums over classes of absolute
differences of shares (L1), in percentage points.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from groundsynth.errors import InputError


def nearest_distances(shares: np.ndarray, real: np.ndarray) -> np.ndarray:
    """L1 distance [N] in points of each composition [N, K] to the nearest of ``real`` [M, K]."""
    if not len(shares):
        return np.zeros(0)
    return np.asarray(cKDTree(real).query(shares, p=1)[0], np.float64)


def plausible_distance(real: np.ndarray, percent: float) -> float:
    """The ``percent``-th percentile of each real composition's distance to the nearest other one.

    ``real`` [M, K] in percent. Raises InputError when there are not two of them.
    """
    if len(real) < 2:
        raise InputError(
            f"The train split has {len(real)} labelled patches, but the plausible distance is "
            "measured between them and needs two; enlarge the area or set "
            "selection.plausible_percent to null."
        )
    others = cKDTree(real).query(real, k=2, p=1)[0][:, 1]  # the nearest is itself, or its equal
    return float(np.percentile(others, percent))
