"""Phases of a SPADE training: what is the same whichever discriminator it is trained against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from groundsynth.device import autocast
from groundsynth.gan.adversary import Adversary
from groundsynth.gan.collapse import spread_of
from groundsynth.gan.perceptual import PerceptualDistance
from groundsynth.gan.real_patches import Batch
from groundsynth.gan.spade import Generator, one_hot
from groundsynth.gan.training import Losses, Phase

BETAS = (0.0, 0.999)


@dataclass(frozen=True)
class SpadeSettings:
    """The learning rates, the precision of the matrix products, the perceptual loss's weight."""

    generator_rate: float
    discriminator_rate: float
    precision: str = "float32"
    perceptual_weight: float = 0.0


class SpadeObjective:
    """Losses of generator ``G`` and its ``adversary``, and their optimisers.

    ``perceptual`` is needed where its weight is above 0 (Park et al. 2019, appendix A).
    """

    def __init__(
        self,
        G: Generator,
        adversary: Adversary,
        settings: SpadeSettings,
        perceptual: PerceptualDistance | None = None,
    ) -> None:
        self.G, self.adversary, self.settings = G, adversary, settings
        self.perceptual = perceptual
        self.device = next(G.parameters()).device
        D = adversary.network
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
        """The adversary's loss and, where wanted, the distance to the real image."""
        with autocast(self.device, self.settings.precision):
            condition, fake = self._synthesise(batch)
            loss, figures = self.adversary.generator_loss(fake, condition, batch)
            figures = {**figures, "sample_spread": spread_of(fake)}
            if self.perceptual is not None:
                distance = self.perceptual(fake, batch.images)
                figures["perceptual_distance"] = distance
                loss = loss + self.settings.perceptual_weight * distance
        yield loss, figures

    def discriminator(self, batch: Batch) -> Losses:
        """The adversary's loss on fresh images."""
        with autocast(self.device, self.settings.precision):
            with torch.no_grad():
                condition, fake = self._synthesise(batch)
            loss, figures = self.adversary.discriminator_loss(fake, condition, batch)
        yield loss, figures

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
