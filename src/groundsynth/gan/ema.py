"""Exponential moving average of a generator's parameters, measured in images."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def ema_decay(
    batch: int, images_seen: int, half_life_images: float, rampup: float | None = 0.05
) -> float:
    """Share of the old average that stays after one step of ``batch`` images.

    The average forgets half of itself in ``half_life_images``, but early on in no more than
    ``rampup`` times the images seen so far, so that the first random weights fade soon
    (Karras et al. 2020, Training Generative Adversarial Networks with Limited Data, appendix).
    """
    half_life = half_life_images
    if rampup is not None:
        half_life = min(half_life, images_seen * rampup)
    return float(0.5 ** (batch / max(half_life, 1e-8)))


@torch.no_grad()
def update_ema(average: nn.Module, module: nn.Module, decay: float) -> None:
    """Move the parameters of ``average`` towards those of ``module``; copy its buffers.

    Both modules have the same structure; ValueError otherwise.
    """
    parameters = _pairs(dict(average.named_parameters()), dict(module.named_parameters()))
    buffers = _pairs(dict(average.named_buffers()), dict(module.named_buffers()))
    torch._foreach_lerp_(parameters[0], parameters[1], 1 - decay)
    for old, new in zip(*buffers, strict=True):
        old.copy_(new)


def _pairs(
    average: dict[str, Tensor], current: dict[str, Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """Tensors of both, in the same order of names."""
    if average.keys() != current.keys():
        names = ", ".join(sorted(average.keys() ^ current.keys()))
        raise ValueError(f"The average and the module differ in these tensors: {names}.")
    return list(average.values()), [current[name] for name in average]
