"""Boundary F1: how well a model places the edges of its classes (after Csurka et al. 2013).

The boundary of a class is its pixels that touch another class. A predicted boundary pixel is
right where a true one of its class lies within TOLERANCE pixels, a true one is found where a
predicted one does. Counts add up over patches, unlike the published mean over images.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from groundsynth.landcover import UNLABELLED

TOLERANCE = 2
"""Pixels, along rows and columns (a square neighbourhood)."""


def count_boundaries(
    prediction: torch.Tensor, truth: torch.Tensor, classes: int, tolerance: int = TOLERANCE
) -> torch.Tensor:
    """int64 [N, 4, K] of two int64 [N, H, W] maps, for each class the boundary's pixels:

    predicted, those of them that are right, true, those of them that are found. Where the truth
    is 255 (unlabelled) there is no class, and an edge to it is no boundary.
    """
    labelled = truth != UNLABELLED
    counts = torch.zeros((len(truth), 4, classes), dtype=torch.int64, device=truth.device)
    for number in range(classes):
        edges = [_edge((x == number) & labelled, labelled) for x in (prediction, truth)]
        near = [_grown(edge, tolerance) for edge in edges]
        kinds = (edges[0], edges[0] & near[1], edges[1], edges[1] & near[0])
        counts[:, :, number] = torch.stack([kind.sum((1, 2)) for kind in kinds], 1)
    return counts


def _edge(inside: torch.Tensor, labelled: torch.Tensor) -> torch.Tensor:
    """The pixels of a class (bool [N, H, W]) that have a labelled one of another beside them."""
    return inside & _grown(labelled & ~inside, 1)


def _grown(mask: torch.Tensor, pixels: int) -> torch.Tensor:
    """bool [N, H, W]: the pixels within ``pixels`` rows and columns of one that is set."""
    x = mask.float()[:, None]
    x = F.max_pool2d(x, (2 * pixels + 1, 1), stride=1, padding=(pixels, 0))
    return F.max_pool2d(x, (1, 2 * pixels + 1), stride=1, padding=(0, pixels))[:, 0] > 0
