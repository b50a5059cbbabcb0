"""The segmentation discriminator's losses (Sushko, Schönfeld et al. 2021, sections 3.1 and 3.2).

Each pixel of a real image shall be taken for its class, each of a generated one for generated;
the generator's pixels shall be taken for the class that their map names. Classes are balanced
over the whole batch, unlabelled pixels count nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from groundsynth.gan import losses
from groundsynth.gan.adversary import Judged
from groundsynth.gan.collapse import CONTEST
from groundsynth.gan.real_patches import Batch
from groundsynth.gan.segmentation_discriminator import Discriminator, label_mix_masks
from groundsynth.gan.unet_discriminator import mix


@dataclass(frozen=True)
class SegmentationAdversary:
    """A segmentation discriminator and the weight of the LabelMix consistency."""

    network: Discriminator
    label_mix_weight: float
    needs_class_pixels: ClassVar[bool] = True

    def generator_loss(self, fake: Tensor, condition: Tensor, batch: Batch) -> Judged:
        """Every pixel shall be taken for the class of its map."""
        masks, weights, pixels = _balance(batch)
        loss = losses.segmentation_real(self.network(fake).float(), masks, weights, pixels)
        return loss, {"generator_loss": loss}

    def discriminator_loss(self, fake: Tensor, condition: Tensor, batch: Batch) -> Judged:
        """Classes of real pixels, generated ones, and consistency on mixed images."""
        masks, weights, pixels = _balance(batch)
        images = batch.images, fake.float()
        real, generated = self.network(torch.cat(images)).float().chunk(2)
        loss = losses.segmentation_real(real, masks, weights, pixels)
        loss = loss + losses.segmentation_fake(generated, masks, pixels)
        figures = {"discriminator_loss": loss}
        with torch.no_grad():
            contest = losses.real_or_fake(real, masks, pixels, real=True)
            figures[CONTEST] = contest + losses.real_or_fake(generated, masks, pixels, real=False)
        if self.label_mix_weight > 0:
            count, draws = len(masks), self.network.classes + 1
            drawn = torch.rand(count * batch.part.count, draws, device=masks.device)
            mask = label_mix_masks(masks, drawn[batch.part.rows(count)])
            mixed = self.network(mix(mask, *images)).float()
            separate = mix(mask, real, generated)
            figures["mix_loss"] = losses.label_mix_consistency(mixed, separate, masks, pixels)
            loss = loss + self.label_mix_weight * figures["mix_loss"]
        return loss, figures


def _balance(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Maps, weights of the classes, and labelled pixels in the mean part of the whole batch."""
    if batch.masks is None or batch.class_pixels is None:
        raise ValueError("a segmentation discriminator needs masks and the pixels of each class")
    pixels = batch.class_pixels.sum().clamp(min=1) / batch.part.count
    return batch.masks, losses.class_weights(batch.class_pixels), pixels
