"""Augmentation whose strength follows the discriminator's overfitting (ADA).

Source: Karras et al. 2020 (Training Generative Adversarial Networks with Limited Data, section 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from groundsynth.gan.augment import AugmentPipe

BLIT = ("xflip", "rotate90", "xint")
GEOMETRY = ("scale", "rotate", "aniso", "xfrac")
COLOR = ("brightness", "contrast", "lumaflip", "hue", "saturation")
BGC: dict[str, Any] = dict.fromkeys((*BLIT, *GEOMETRY, *COLOR), 1.0)
"""The paper's default operations, each at strength 1."""


class AdaptiveAugment(nn.Module):
    """Augmentation pipe of probability p, which starts at 0 and adapts during training.

    Overfitting is the mean sign of the discriminator's logits on real images. Every ``interval``
    steps of ``batch`` images p moves up if it exceeds ``target``, else down, by as much as would
    take it from 0 to 1 in ``ramp_images``. Its state (p and the signs so far) is in buffers.
    """

    signs: Tensor

    def __init__(
        self,
        batch: int,
        target: float = 0.6,
        interval: int = 4,
        ramp_images: float = 500_000,
        operations: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.target, self.interval = target, interval
        self.step = batch * interval / ramp_images
        self.pipe = AugmentPipe(**(BGC if operations is None else operations))
        self.pipe.p.zero_()
        self.register_buffer("signs", torch.zeros(2))

    def forward(self, images: Tensor) -> Tensor:
        """Augmented images [N, C, H, W]."""
        augmented: Tensor = self.pipe(images)
        return augmented

    @torch.no_grad()
    def observe(self, mean_sign: Tensor) -> None:
        """Take the mean sign of the logits of a batch of real images into account."""
        self.signs[0] += mean_sign
        self.signs[1] += 1

    @torch.no_grad()
    def adapt(self, steps: int) -> dict[str, Tensor]:
        """Move p if step number ``steps`` is due and anything was observed since; p as a figure."""
        if steps % self.interval == 0:
            total, count = self.signs
            direction = (total - self.target * count).sign()
            self.pipe.p.copy_((self.pipe.p + direction * self.step).clamp(min=0))
            self.signs.zero_()
        return {"augment_p": self.pipe.p.clone()}
