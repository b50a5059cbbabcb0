"""The U-Net discriminator's losses (Schönfeld et al. 2020, section 3).

Cross-entropy for each pixel and for the image, and consistency on mixed images. Feature matching
is that of SPADE (Park et al. 2019, appendix A), on the blocks of the U-Net.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from groundsynth.gan import losses
from groundsynth.gan.adversary import Judged, feature_distance
from groundsynth.gan.real_patches import Batch
from groundsynth.gan.unet_discriminator import Discriminator, cutmix_masks, mix
from groundsynth.parts import Part


@dataclass(frozen=True)
class UnetAdversary:
    """A U-Net discriminator and the weights of its losses.

    Mixed images come in a share of the steps that grows linearly from 0 to a half over
    ``warmup_images`` (section 3.2).
    """

    network: Discriminator
    consistency_weight: float
    feature_matching: float
    warmup_images: float
    needs_class_pixels: ClassVar[bool] = False

    def generator_loss(self, fake: Tensor, condition: Tensor, batch: Batch) -> Judged:
        """Both heads shall say real; features shall match those of the real image."""
        pixels, image, features = self.network.judge(fake, condition=condition)
        loss = losses.unet_real(pixels.float(), image.float())
        figures = {"generator_loss": loss}
        if self.feature_matching > 0:
            with torch.no_grad():
                real = self.network.judge(batch.images, condition=condition)[2]
            figures["feature_distance"] = feature_distance(features, real)
            loss = loss + self.feature_matching * figures["feature_distance"]
        return loss, figures

    def discriminator_loss(self, fake: Tensor, condition: Tensor, batch: Batch) -> Judged:
        """Real against generated images under the same maps, then mixed ones."""
        images = batch.images, fake.float()
        pixels, image = self.network(torch.cat(images), condition=torch.cat([condition] * 2))
        real_pixels, fake_pixels = pixels.float().chunk(2)
        real_image, fake_image = image.float().chunk(2)
        loss = losses.unet_real(real_pixels, real_image)
        loss = loss + losses.unet_fake(fake_pixels, fake_image)
        figures = {"discriminator_loss": loss, "real_sign": real_image.detach().sign().mean()}
        if torch.rand([]).item() < self._mix_share(batch.seen):
            judged = real_pixels, fake_pixels
            figures["mix_loss"] = self._mixed(condition, images, judged, batch.part)
            loss = loss + figures["mix_loss"]
        return loss, figures

    def _mixed(
        self,
        condition: Tensor,
        images: tuple[Tensor, Tensor],
        judged: tuple[Tensor, Tensor],
        part: Part,
    ) -> Tensor:
        """Loss on images that are real inside a rectangle and generated outside, or the reverse."""
        count = len(condition)
        masks = cutmix_masks(count * part.count, condition.shape[-1], condition.device)
        mask = masks[part.rows(count)]
        pixels, image = self.network(mix(mask, *images), condition=condition)
        loss = losses.unet_cutmix(pixels.float(), image.float(), mask)
        consistency = losses.cutmix_consistency(pixels.float(), *judged, mask)
        return loss + self.consistency_weight * consistency

    def _mix_share(self, seen: int) -> float:
        if self.consistency_weight == 0:
            return 0.0
        return 0.5 * min(1.0, seen / max(1.0, self.warmup_images))
