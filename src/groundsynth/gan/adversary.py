"""What a discriminator of a conditional generator brings to the training of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from groundsynth.gan.real_patches import Batch

Judged = tuple[Tensor, dict[str, Tensor]]
"""A loss, and figures for the history."""


class Adversary(Protocol):
    """A discriminator with the losses that belong to it.

    ``fake`` [N, 3, H, W] are images of the generator for the maps of ``batch``, ``condition``
    [N, K, H, W] the same maps one-hot. Losses are means over the samples, so that the mean over
    the parts of a batch is that of the batch.
    """

    @property
    def network(self) -> nn.Module:
        """The discriminator."""
        ...

    @property
    def needs_class_pixels(self) -> bool:
        """Whether its losses balance the classes, and so need ``Batch.class_pixels``."""
        ...

    def generator_loss(self, fake: Tensor, condition: Tensor, batch: Batch) -> Judged:
        """What the generator has to lower; figures hold ``generator_loss``."""
        ...

    def discriminator_loss(self, fake: Tensor, condition: Tensor, batch: Batch) -> Judged:
        """What the discriminator has to lower; figures hold ``discriminator_loss``."""
        ...


def feature_distance(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of features, averaged over the layers (Wang et al. 2018)."""
    pairs = zip(fake, real, strict=True)
    return torch.stack([F.l1_loss(a.float(), b.float()) for a, b in pairs]).mean()
