"""Calibration: whether a model is right as often as its probabilities say (Guo et al. 2017)."""

from __future__ import annotations

import torch

from groundsynth.landcover import UNLABELLED
from groundsynth.segmentation.quality_scores import BINS


def count_calibration(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """float64 [N, 3, BINS] of logits [N, K, H, W] and int64 [N, H, W] truth, for each bin:

    its pixels, those of them that are right, and the sum of their probabilities. Pixels whose
    truth is 255 (unlabelled) count nowhere.
    """
    confidence, guess = torch.softmax(logits.float(), 1).max(1)
    patch = torch.arange(len(truth), device=truth.device).view(-1, 1, 1)
    place = patch * BINS + (confidence * BINS).long().clamp(max=BINS - 1)
    kept = truth != UNLABELLED
    place, right, sure = place[kept], (guess == truth)[kept].double(), confidence[kept].double()
    columns = [
        torch.bincount(place, weights=weights, minlength=len(truth) * BINS)
        for weights in (torch.ones_like(sure), right, sure)
    ]
    return torch.stack([column.view(-1, BINS) for column in columns], 1)
