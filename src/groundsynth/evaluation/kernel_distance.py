"""Kernel distance of two sets of features, by torch-fidelity."""

from __future__ import annotations

import numpy as np
import torch
from torch_fidelity.metric_kid import (
    KEY_METRIC_KID_MEAN,
    KEY_METRIC_KID_STD,
    kid_features_to_metric,
)

FEWEST = 2


def kernel_distance(
    samples: np.ndarray, real: np.ndarray, *, subsets: int, subset_size: int, seed: int
) -> tuple[float, float] | tuple[None, None]:
    """Mean and standard deviation of the kernel distance over random subsets of both sets.

    Unbiased estimate of the squared maximum mean discrepancy with the kernel (x y / D + 1)^3
    (Binkowski et al. 2018), in float64, of [N, D] and [M, D] features; about 0 (also below) for
    sets of one distribution. Subsets are no larger than the smaller set: of one that small all
    are alike in it. (None, None) where a set has fewer than 2 vectors.
    """
    size = min(subset_size, len(samples), len(real))
    if size < FEWEST:
        return None, None
    found = kid_features_to_metric(
        torch.from_numpy(np.asarray(samples, np.float64)),
        torch.from_numpy(np.asarray(real, np.float64)),
        kid_subsets=subsets,
        kid_subset_size=size,
        rng_seed=seed,
        verbose=False,
    )
    return found[KEY_METRIC_KID_MEAN], found[KEY_METRIC_KID_STD]
