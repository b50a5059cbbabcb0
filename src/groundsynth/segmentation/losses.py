"""Training losses, Dice with others, in which unlabelled pixels count nowhere.

Each is a function of sums over the pixels of the batch. Where the batch is spread over processes
the sums are added up first, so that all of them compute the one loss of the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F

from groundsynth.landcover import UNLABELLED

LossName = Literal["dice", "dice_ce", "dice_focal"]
FOCUS = 2.0
"""Exponent of the focal loss (Lin et al. 2017, section 3.2)."""
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Total = Callable[[torch.Tensor], torch.Tensor]
"""From sums over this process's share of a batch to sums over the batch."""
LEAST = 1e-7
"""Limit of the denominator of Dice."""


def make_loss(
    name: LossName, weights: torch.Tensor | None = None, total: Total = lambda own: own
) -> Loss:
    """Loss of logits float [N, K, H, W] against truth int64 [N, H, W] with 255 unlabelled.

    ``dice`` (the paper): 1 - Dice of each class over the whole batch, averaged over the classes;
    a class that the batch's truth lacks adds 0. ``dice_ce`` adds the mean cross-entropy, whose
    gradient does not fade while a class is still missed altogether; ``dice_focal``
    the mean focal loss (Lin et al. 2017), which weighs down pixels that are already right.
    All three means are weighted ones with ``weights`` float32 [K] of the classes, on the device
    of the logits: those of the pixels by the weight of the true class.
    """

    def dice(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        return _dice(_log_shares(logits), truth, weights, total)

    def dice_and_cross_entropy(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        shares = _log_shares(logits)  # once for both
        return _dice(shares, truth, weights, total) + _cross_entropy(shares, truth, weights, total)

    def dice_and_focal(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        shares = _log_shares(logits)
        return _dice(shares, truth, weights, total) + _focal(shares, truth, weights, total)

    losses: dict[LossName, Loss] = {
        "dice": dice,
        "dice_ce": dice_and_cross_entropy,
        "dice_focal": dice_and_focal,
    }
    return losses[name]


def _log_shares(logits: torch.Tensor) -> torch.Tensor:
    """Logarithms, in float32, of each class's share of the pixels [N, K, H, W]."""
    return logits.float().log_softmax(1)


def _dice(
    log_shares: torch.Tensor, truth: torch.Tensor, weights: torch.Tensor | None, total: Total
) -> torch.Tensor:
    """Mean over the classes of 1 - 2 x sum(p t) / (sum(p) + sum(t)), 0 for those without truth.

    That of segmentation-models-pytorch, to the bit, which divides before the sums of several
    processes could be added up.
    """
    labelled = (truth != UNLABELLED).unsqueeze(1)
    shares = log_shares.exp() * labelled
    hits = F.one_hot(truth * labelled.squeeze(1), shares.shape[1]).movedim(-1, 1) * labelled
    hits = hits.to(shares.dtype)
    shares, hits = shares.flatten(2), hits.flatten(2)
    distance = torch.linalg.vector_norm(shares - hits, ord=1, dim=(0, 2))
    sums = torch.stack([shares.sum((0, 2)), hits.sum((0, 2)), distance])
    guessed, true, apart = total(sums).unbind()
    overlap = (guessed + true - apart) / 2
    false, missing = guessed - overlap, true - overlap
    dice = overlap / (overlap + 0.5 * false + 0.5 * missing).clamp(LEAST)
    missed = (1 - dice) * (true > 0)
    return missed.mean() if weights is None else (missed * weights).sum() / weights.sum()


def _cross_entropy(
    log_shares: torch.Tensor, truth: torch.Tensor, weights: torch.Tensor | None, total: Total
) -> torch.Tensor:
    """Mean over the labelled pixels; 0, not NaN, where a batch has none."""
    sums = F.nll_loss(log_shares, truth, weight=weights, ignore_index=UNLABELLED, reduction="sum")
    return total(sums) / _pixels(truth, weights, total)


def _focal(
    log_shares: torch.Tensor, truth: torch.Tensor, weights: torch.Tensor | None, total: Total
) -> torch.Tensor:
    """Mean of (1 - p)^2 x -log p over the labelled pixels, p of the true class; 0 without any.

    Not FocalLoss of the library: it averages K binary losses, is no number for a batch
    without labels, and picks out pixels by index, which makes a GPU wait.
    """
    entropy = F.nll_loss(log_shares, truth, ignore_index=UNLABELLED, reduction="none")
    focal = (1 - torch.exp(-entropy)) ** FOCUS * entropy
    sums = (focal if weights is None else focal * _pixel_weights(truth, weights)).sum()
    return total(sums) / _pixels(truth, weights, total)


def _pixels(truth: torch.Tensor, weights: torch.Tensor | None, total: Total) -> torch.Tensor:
    """Number of the labelled pixels, or the sum of their weights; never 0."""
    if weights is None:
        return total((truth != UNLABELLED).sum()).clamp(min=1)
    weighed = total(_pixel_weights(truth, weights).sum())
    return weighed.clamp(min=torch.finfo(weights.dtype).tiny)


def _pixel_weights(truth: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weight [N, H, W] of the true class of each pixel, 0 where it is not labelled."""
    labelled = truth != UNLABELLED
    return weights[truth * labelled] * labelled
