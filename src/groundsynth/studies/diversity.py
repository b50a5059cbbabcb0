"""How much the samples of one map differ: mean distances between all pairs of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np


def feature_distances(vectors: np.ndarray) -> np.ndarray:
    """float64 [N] mean Euclidean distance of the pairs of S samples; vectors [S, N, D]."""
    pairs = _pairs(vectors.astype(np.float64))
    return np.stack([np.linalg.norm(a - b, axis=1) for a, b in pairs]).mean(0)


def pixel_distances(images: np.ndarray) -> np.ndarray:
    """float64 [N] mean absolute difference in grey levels; images uint8 [S, N, H, W, 3]."""
    pairs = _pairs(images.astype(np.float32))
    return np.stack([np.abs(a - b).mean((1, 2, 3)) for a, b in pairs]).mean(0, dtype=np.float64)


def _pairs(samples: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if len(samples) < 2:
        raise ValueError("diversity needs at least two samples")
    return combinations(samples, 2)
