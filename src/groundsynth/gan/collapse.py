"""Signs that a training went wrong for good, each an error instead of hours of no use.

They are looked for at every tick, before the state is saved: the checkpoint of the tick before
is kept. Figures and weights are the same in all processes, and so are the decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from groundsynth.errors import TrainingError
from groundsynth.gan.history import History

COLLAPSED = 1e-3
"""Spread of the images of a batch, in units of half the grey range, that counts as none."""

CONTEST = "contest_loss"
"""Figure of discriminators whose loss has other parts than real against generated."""

DECIDED = 0.01
"""Discriminator loss (or that part of it), bound by 0, below which the generator learns nothing."""

DECIDED_TICKS = 10
"""Ticks in a row with a decided discriminator that end a training."""


def spread_of(images: Tensor) -> Tensor:
    """Root mean square deviation of images [N, C, H, W] from their mean image, a scalar."""
    images = images.detach().float()
    return (images - images.mean(0)).square().mean().sqrt()


def require_variance(means: Mapping[str, float], seen: int, state: Path) -> None:
    """TrainingError when all samples of a batch are the same."""
    if means.get("sample_spread", 1.0) < COLLAPSED:
        raise TrainingError(
            f"The generator collapsed before {seen} images: all its samples are the same; raise "
            "the regularisation or lower the learning rates, and start again (the last good "
            f"state is in {state})."
        )


def require_contest(history: History, seen: int, state: Path) -> None:
    """TrainingError when the discriminator was sure of every image for ``DECIDED_TICKS`` ticks."""
    names = {row[-2] for row in history.rows}
    watched = CONTEST if CONTEST in names else "discriminator_loss"
    losses = [row[-1] for row in history.rows if row[-2] == watched]
    last = losses[-DECIDED_TICKS:]
    if len(last) == DECIDED_TICKS and max(last) < DECIDED:
        raise TrainingError(
            f"The discriminator tells every image before {seen} images: its loss was below "
            f"{DECIDED} for {DECIDED_TICKS} ticks, and the generator no longer learns; use "
            "augmentation, raise the regularisation or lower discriminator_rate, and start again "
            f"(the last state is in {state})."
        )


def require_finite_weights(networks: Iterable[nn.Module], seen: int, state: Path) -> None:
    """TrainingError when a parameter is no longer a number; one question to the device."""
    parameters = [p.detach() for network in networks for p in network.parameters()]
    sizes = torch.stack(list(torch._foreach_norm(parameters)))
    if not torch.isfinite(sizes).all():
        raise TrainingError(
            f"The training diverged before {seen} images: a weight is no longer a number; lower "
            "the learning rates or raise the regularisation, and start again (the last good "
            f"state is in {state})."
        )
