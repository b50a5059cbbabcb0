"""Phases of a SPADE training with a U-Net discriminator.

Losses of the U-Net GAN (Schönfeld et al. 2020, section 3): cross-entropy for each pixel and for
the image, and consistency on mixed images. Feature matching is that of SPADE (Park et al. 2019,
appendix A), on the blocks of the U-Net.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from groundsynth.device import autocast
from groundsynth.gan import losses
from groundsynth.gan.collapse import spread_of
from groundsynth.gan.micro_batches import Part
from groundsynth.gan.real_patches import Batch
from groundsynth.gan.spade import Generator, one_hot
from groundsynth.gan.training import Losses, Phase
from groundsynth.gan.unet_discriminator import Discriminator, cutmix_masks, mix

BETAS = (0.0, 0.999)


@dataclass(frozen=True)
class SpadeSettings:
    """Weights of the losses, the learning rates and the precision of the matrix products.

    Mixed images come in a share of the steps that grows linearly from 0 to a half over
    ``warmup_images`` (section 3.2).
    """

    generator_rate: float
    discriminator_rate: float
    consistency_weight: float
    feature_matching: float
    warmup_images: float
    precision: str = "float32"


class SpadeObjective:
    """Losses of generator ``G`` and discriminator ``D`` and their optimisers."""

    def __init__(self, G: Generator, D: Discriminator, settings: SpadeSettings) -> None:
        self.G, self.D, self.settings = G, D, settings
        self.device = next(G.parameters()).device
        adam_g = torch.optim.Adam(
            G.parameters(), lr=settings.generator_rate, betas=BETAS, fused=True
        )
        adam_d = torch.optim.Adam(
            D.parameters(), lr=settings.discriminator_rate, betas=BETAS, fused=True
        )
        self.phases = [
            Phase("generator", G, adam_g, self.generator),
            Phase("discriminator", D, adam_d, self.discriminator),
        ]

    def generator(self, batch: Batch) -> Losses:
        """Both heads shall say real; features shall match those of the real image."""
        with autocast(self.device, self.settings.precision):
            condition, fake = self._synthesise(batch)
            pixels, image, features = self.D.judge(fake, condition=condition)
            loss = losses.unet_real(pixels.float(), image.float())
            figures = {
                "generator_loss": loss,
                "sample_spread": spread_of(fake),
            }
            if self.settings.feature_matching > 0:
                with torch.no_grad():
                    real = self.D.judge(batch.images, condition=condition)[2]
                figures["feature_distance"] = feature_distance(features, real)
                loss = loss + self.settings.feature_matching * figures["feature_distance"]
        yield loss, figures

    def discriminator(self, batch: Batch) -> Losses:
        """Real against generated images under the same maps, then mixed ones."""
        with autocast(self.device, self.settings.precision):
            with torch.no_grad():
                condition, fake = self._synthesise(batch)
            pixels, image = self.D(
                torch.cat([batch.images, fake.float()]), condition=torch.cat([condition] * 2)
            )
            real_pixels, fake_pixels = pixels.float().chunk(2)
            real_image, fake_image = image.float().chunk(2)
            loss = losses.unet_real(real_pixels, real_image)
            loss = loss + losses.unet_fake(fake_pixels, fake_image)
            figures = {"discriminator_loss": loss, "real_sign": real_image.detach().sign().mean()}
            if torch.rand([]).item() < self._mix_share(batch.seen):
                halves = (batch.images, fake.float()), (real_pixels, fake_pixels)
                figures["mix_loss"] = self._mixed(condition, *halves, batch.part)
                loss = loss + figures["mix_loss"]
        yield loss, figures

    def _mixed(
        self,
        condition: Tensor,
        images: tuple[Tensor, Tensor],
        judged: tuple[Tensor, Tensor],
        part: Part,
    ) -> Tensor:
        """Loss on images that are real inside a rectangle and generated outside, or the reverse."""
        count = len(condition)
        masks = cutmix_masks(count * part.count, condition.shape[-1], self.device)
        mask = masks[part.rows(count)]
        pixels, image = self.D(mix(mask, *images), condition=condition)
        loss = losses.unet_cutmix(pixels.float(), image.float(), mask)
        consistency = losses.cutmix_consistency(pixels.float(), *judged, mask)
        return loss + self.settings.consistency_weight * consistency

    def _mix_share(self, seen: int) -> float:
        if self.settings.consistency_weight == 0:
            return 0.0
        return 0.5 * min(1.0, seen / max(1.0, self.settings.warmup_images))

    def _synthesise(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """One-hot maps [N, K, H, W] and an image for each, with fresh latents."""
        if batch.masks is None:
            raise ValueError("a SPADE training needs masks")
        condition = one_hot(batch.masks, self.G.semantic_nc)
        z = batch.part.normal(len(condition), self.G.z_size, device=self.device)
        return condition, self.G(condition, z)

    @property
    def running(self) -> list[Tensor]:
        """Nothing besides the networks' buffers."""
        return []

    def after_step(self, steps: int) -> dict[str, Tensor]:
        """Nothing is adapted."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Nothing is remembered from step to step."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of ``state_dict``."""


def feature_distance(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of features, averaged over the blocks."""
    pairs = zip(fake, real, strict=True)
    return torch.stack([F.l1_loss(a.float(), b.float()) for a, b in pairs]).mean()
