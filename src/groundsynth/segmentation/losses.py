"""Training losses, Dice and cross-entropy, in which unlabelled pixels count nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from segmentation_models_pytorch.losses import DiceLoss

from groundsynth.landcover import UNLABELLED

LossName = Literal["dice", "dice_ce"]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def make_loss(name: LossName) -> Loss:
    """Loss of logits float [N, K, H, W] against truth int64 [N, H, W] with 255 unlabelled.

    ``dice`` (the paper): 1 - Dice of each class over the whole batch, averaged over the classes;
    a class that the batch's truth lacks adds 0. ``dice_ce`` adds the mean cross-entropy, whose
    gradient does not fade while a class is still missed altogether.
    """
    dice = DiceLoss(mode="multiclass", ignore_index=UNLABELLED)

    def dice_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = dice(logits.float(), truth)
        return value

    def dice_and_cross_entropy(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        return dice_loss(logits, truth) + _cross_entropy(logits.float(), truth)

    return dice_loss if name == "dice" else dice_and_cross_entropy


def _cross_entropy(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean over the labelled pixels; 0, not NaN, where a batch has none."""
    total = F.cross_entropy(logits, truth, ignore_index=UNLABELLED, reduction="sum")
    return total / (truth != UNLABELLED).sum().clamp(min=1)
