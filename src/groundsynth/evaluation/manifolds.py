"""How well samples and real images cover each other's neighbourhoods, by prdc."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

import numpy as np
from prdc import compute_prdc

SCORES = ("precision", "recall", "density", "coverage")


def manifold_scores(
    real: np.ndarray, samples: np.ndarray, neighbours: int
) -> dict[str, float | None]:
    """Precision, recall, density and coverage of ``samples`` [M, D] against ``real`` [N, D].

    Precision: share of samples within a ball of a real vector (radius: its k-th neighbour);
    recall: share of real vectors within a ball of a sample (Kynkäänniemi et al. 2019). Density:
    balls of real vectors that a sample lies in, over k (1 for sets of one distribution, may
    exceed it); coverage: share of real balls that hold a sample (Naeem et al. 2020). Memory
    grows with N x M. None where a set has fewer than k + 2 vectors.
    """
    if min(len(real), len(samples)) < neighbours + 2:
        return dict.fromkeys(SCORES)
    with redirect_stdout(sys.stderr):  # it prints the counts
        found = compute_prdc(real, samples, nearest_k=neighbours)
    return {name: float(found[name]) for name in SCORES}
