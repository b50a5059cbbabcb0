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


def make_loss(name: LossName) -> Loss:
    """Loss of logits float [N, K, H, W] against truth int64 [N, H, W] with 255 unlabelled.

    ``dice`` (the paper): 1 - Dice of each class over the whole batch, averaged over the classes;
    a class that the batch's truth lacks adds 0. ``dice_ce`` adds the mean cross-entropy, whose
    gradient does not fade while a class is still missed altogether; ``dice_focal``
    the mean focal loss (Lin et al. 2017), which weighs down pixels that are already right.
    """
    dice = DiceLoss(mode="multiclass", ignore_index=UNLABELLED)

    def dice_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = dice(logits.float(), truth)
        return value

    def dice_and_cross_entropy(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        return dice_loss(logits, truth) + _cross_entropy(logits.float(), truth)

    def dice_and_focal(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        return dice_loss(logits, truth) + _focal(logits.float(), truth)

    losses: dict[LossName, Loss] = {
        "dice": dice_loss,
        "dice_ce": dice_and_cross_entropy,
        "dice_focal": dice_and_focal,
    }
    return losses[name]


def _cross_entropy(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean over the labelled pixels; 0, not NaN, where a batch has none."""
    total = F.cross_entropy(logits, truth, ignore_index=UNLABELLED, reduction="sum")
    return total / (truth != UNLABELLED).sum().clamp(min=1)


def _focal(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean of (1 - p)^2 x -log p over the labelled pixels, p of the true class; 0 without any.

    Not FocalLoss of the library: it averages K binary losses, is no number for a batch
    without labels, and picks out pixels by index, which makes a GPU wait.
    """
    entropy = F.cross_entropy(logits, truth, ignore_index=UNLABELLED, reduction="none")
    total = ((1 - torch.exp(-entropy)) ** FOCUS * entropy).sum()
    return total / (truth != UNLABELLED).sum().clamp(min=1)
