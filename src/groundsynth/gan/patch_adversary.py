"""PatchGAN's losses: hinge and feature matching (Park et al. 2019, appendix A)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from groundsynth.gan import losses
from groundsynth.gan.adversary import Judged, feature_distance
from groundsynth.gan.patch_discriminator import Discriminator
from groundsynth.gan.real_patches import Batch


@dataclass(frozen=True)
class PatchAdversary:
    """A patch discriminator and the weight of the feature matching."""

    network: Discriminator
    feature_matching: float
    needs_class_pixels: ClassVar[bool] = False

    def generator_loss(self, fake: Tensor, condition: Tensor, batch: Batch) -> Judged:
        """Every patch shall count as real; features shall match those of the real image."""
        logits, features = self.network.judge(fake, condition)
        loss = losses.hinge_generator([scale.float() for scale in logits])
        figures = {"generator_loss": loss}
        if self.feature_matching > 0:
            with torch.no_grad():
                real = self.network.judge(batch.images, condition)[1]
            figures["feature_distance"] = feature_distance(features, real)
            loss = loss + self.feature_matching * figures["feature_distance"]
        return loss, figures

    def discriminator_loss(self, fake: Tensor, condition: Tensor, batch: Batch) -> Judged:
        """Real against generated images under the same maps."""
        images = torch.cat([batch.images, fake.float()])
        halves = [s.float().chunk(2) for s in self.network(images, torch.cat([condition] * 2))]
        real, fake_logits = [half[0] for half in halves], [half[1] for half in halves]
        loss = losses.hinge_discriminator_real(real)
        loss = loss + losses.hinge_discriminator_fake(fake_logits)
        signs = torch.stack([scale.detach().sign().mean() for scale in real]).mean()
        return loss, {"discriminator_loss": loss, "real_sign": signs}
