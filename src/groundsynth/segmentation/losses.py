"""Training losses, Dice with others, in which unlabelled pixels count nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from segmentation_models_pytorch.losses import DiceLoss

from groundsynth.landcover import UNLABELLED

LossName = Literal["dice", "dice_ce", "dice_focal"]
FOCUS = 2.0
"""Exponent of the focal loss (Lin et al. 2017, section 3.2)."""
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def make_loss(name: LossName, weights: torch.Tensor | None = None) -> Loss:
    """Loss of logits float [N, K, H, W] against truth int64 [N, H, W] with 255 unlabelled.

    ``dice`` (the paper): 1 - Dice of each class over the whole batch, averaged over the classes;
    a class that the batch's truth lacks adds 0. ``dice_ce`` adds the mean cross-entropy, whose
    gradient does not fade while a class is still missed altogether; ``dice_focal``
    the mean focal loss (Lin et al. 2017), which weighs down pixels that are already right.
    All three means are weighted ones with ``weights`` float32 [K] of the classes, on the device
    of the logits: those of the pixels by the weight of the true class.
    """
    listed = None if weights is None else weights.tolist()
    dice = DiceLoss(mode="multiclass", ignore_index=UNLABELLED, class_weights=listed)

    def dice_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = dice(logits.float(), truth)
        return value

    def dice_and_cross_entropy(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        return dice_loss(logits, truth) + _cross_entropy(logits.float(), truth, weights)

    def dice_and_focal(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        return dice_loss(logits, truth) + _focal(logits.float(), truth, weights)

    losses: dict[LossName, Loss] = {
        "dice": dice_loss,
        "dice_ce": dice_and_cross_entropy,
        "dice_focal": dice_and_focal,
    }
    return losses[name]


def _cross_entropy(
    logits: torch.Tensor, truth: torch.Tensor, weights: torch.Tensor | None
) -> torch.Tensor:
    """Mean over the labelled pixels; 0, not NaN, where a batch has none."""
    total = F.cross_entropy(logits, truth, weight=weights, ignore_index=UNLABELLED, reduction="sum")
    return total / _pixels(truth, weights)


def _focal(logits: torch.Tensor, truth: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Mean of (1 - p)^2 x -log p over the labelled pixels, p of the true class; 0 without any.

    Not FocalLoss of the library: it averages K binary losses, is no number for a batch
    without labels, and picks out pixels by index, which makes a GPU wait.
    """
    entropy = F.cross_entropy(logits, truth, ignore_index=UNLABELLED, reduction="none")
    focal = (1 - torch.exp(-entropy)) ** FOCUS * entropy
    total = (focal if weights is None else focal * _pixel_weights(truth, weights)).sum()
    return total / _pixels(truth, weights)


def _pixels(truth: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Number of the labelled pixels, or the sum of their weights; never 0."""
    if weights is None:
        return (truth != UNLABELLED).sum().clamp(min=1)
    return _pixel_weights(truth, weights).sum().clamp(min=torch.finfo(weights.dtype).tiny)


def _pixel_weights(truth: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weight [N, H, W] of the true class of each pixel, 0 where it is not labelled."""
    labelled = truth != UNLABELLED
    return weights[truth * labelled] * labelled
