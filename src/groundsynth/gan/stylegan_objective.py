"""Phases of a StyleGAN training: losses, lazy regularisation, style mixing.

Sources: Karras et al. 2020 (StyleGAN2, section 3.2 and appendix B) and 2021 (Alias-Free GAN,
appendix: configuration R starts with blurred images).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from groundsynth.gan import losses
from groundsynth.gan.augment_adaptive import AdaptiveAugment
from groundsynth.gan.collapse import spread_of
from groundsynth.gan.ops import upfirdn2d
from groundsynth.gan.real_patches import Batch
from groundsynth.gan.training import Losses, Phase
from groundsynth.parts import Part

GENERATOR_INTERVAL, DISCRIMINATOR_INTERVAL = 4, 16
BETAS, EPS = (0.0, 0.99), 1e-8


@dataclass(frozen=True)
class StyleganSettings:
    """Weights of the losses and the learning rates.

    ``path_length_weight`` 0 leaves the path-length phase out. ``style_mixing`` is the share of
    batches whose samples mix two styles. ``blur_images`` is the number of images over which the
    initial blur (standard deviation 10 px) fades; 0 for none.
    """

    generator_rate: float
    discriminator_rate: float
    r1_gamma: float
    path_length_weight: float
    style_mixing: float
    blur_images: float = 0.0
    force_fp32: bool = False


class StyleganObjective:
    """Losses of generator ``G`` and discriminator ``D`` and their optimisers."""

    def __init__(
        self, G: Any, D: Any, settings: StyleganSettings, augment: AdaptiveAugment | None
    ) -> None:
        self.G, self.D, self.settings, self.augment = G, D, settings, augment
        self.device = next(G.parameters()).device
        self.path_mean = torch.zeros([], device=self.device)
        lazy = GENERATOR_INTERVAL if settings.path_length_weight > 0 else 0
        adam_g = lazy_adam(G, settings.generator_rate, lazy)
        adam_d = lazy_adam(D, settings.discriminator_rate, DISCRIMINATOR_INTERVAL)
        self.phases = [
            Phase("generator", G, adam_g, self.generator),
            Phase("path_length", G, adam_g, self.path_length, GENERATOR_INTERVAL),
            Phase("discriminator", D, adam_d, self.discriminator),
            Phase("r1", D, adam_d, self.r1, DISCRIMINATOR_INTERVAL),
        ]
        if not lazy:
            del self.phases[1]

    def generator(self, batch: Batch) -> Losses:
        """Non-saturating logistic loss."""
        fake, _ = self._synthesise(len(batch.images), batch.part)
        logits = self._judge(fake, batch)
        loss = losses.generator_logistic(logits)
        spread = spread_of(fake)
        yield loss, {"generator_loss": loss, "sample_spread": spread}

    def path_length(self, batch: Batch) -> Losses:
        """Path-length regularisation on half the batch, times its interval."""
        count, weight = max(2, len(batch.images) // 2), self.settings.path_length_weight
        fake, ws = self._synthesise(count, batch.part, force_fp32=True)
        with batch.part.draws(count):
            penalty, mean = losses.path_length_penalty(fake, ws, self.path_mean.clone(), weight)
        self.path_mean.copy_(mean)
        yield penalty * GENERATOR_INTERVAL, {"path_length": mean}

    def discriminator(self, batch: Batch) -> Losses:
        """Logistic loss on generated images, then on real ones."""
        with torch.no_grad():
            fake, _ = self._synthesise(len(batch.images), batch.part, update_emas=True)
        fake_loss = losses.discriminator_logistic_fake(self._judge(fake, batch))
        yield fake_loss, {}
        logits = self._judge(batch.images, batch)
        real_loss = losses.discriminator_logistic_real(logits)
        yield real_loss, self._real_figures(logits, fake_loss + real_loss)

    def r1(self, batch: Batch) -> Losses:
        """Gradient penalty at the real images, times its interval."""
        images = batch.images.detach().requires_grad_(True)
        logits = self._judge(images, batch, force_fp32=True)
        penalty = losses.r1_penalty(logits, images, self.settings.r1_gamma)
        yield penalty * DISCRIMINATOR_INTERVAL, {"r1_penalty": penalty}

    @property
    def running(self) -> list[Tensor]:
        """Running mean of the path length; signs of the logits on real images."""
        return [self.path_mean, *([] if self.augment is None else [self.augment.signs])]

    def after_step(self, steps: int) -> dict[str, Tensor]:
        """Adapt the strength of the augmentation."""
        return {} if self.augment is None else self.augment.adapt(steps)

    def state_dict(self) -> dict[str, Any]:
        """Running mean of the path length; strength of the augmentation."""
        augment = {} if self.augment is None else self.augment.state_dict()
        return {"path_mean": self.path_mean, "augment": augment}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        self.path_mean.copy_(state["path_mean"])
        if self.augment is not None:
            self.augment.load_state_dict(state["augment"])

    def _synthesise(
        self, count: int, part: Part, update_emas: bool = False, force_fp32: bool = False
    ) -> tuple[Tensor, Tensor]:
        """``count`` images with their styles ws [N, num_ws, w_dim]."""
        z = part.normal(count, self.G.z_dim, device=self.device)
        ws = self.G.mapping(z, None, update_emas=update_emas)
        if torch.rand([]).item() < self.settings.style_mixing:
            cutoff = int(torch.randint(1, ws.shape[1], []))
            other = self.G.mapping(part.normal(*z.shape, device=self.device), None)
            ws = torch.cat([ws[:, :cutoff], other[:, cutoff:]], 1)
        fp32 = force_fp32 or self.settings.force_fp32
        with part.draws(count):
            return self.G.synthesis(ws, update_emas=update_emas, force_fp32=fp32), ws

    def _judge(self, images: Tensor, batch: Batch, force_fp32: bool = False) -> Tensor:
        """Logits [N, 1] of images, blurred early on and augmented as configured."""
        images = faded_blur(images, batch.seen, self.settings.blur_images)
        if self.augment is not None:
            with batch.part.draws(len(images)):
                images = self.augment(images)
        logits: Tensor = self.D(images, None, force_fp32=force_fp32 or self.settings.force_fp32)
        return logits

    def _real_figures(self, logits: Tensor, loss: Tensor) -> dict[str, Tensor]:
        sign = logits.detach().sign().mean()
        if self.augment is not None:
            self.augment.observe(sign)
        return {"discriminator_loss": loss, "real_sign": sign}


def lazy_adam(network: nn.Module, rate: float, interval: int) -> torch.optim.Adam:
    """Adam for a main phase and one that comes every ``interval`` steps (0: there is none).

    Rate and decays shrink so that the moments cover the same number of images as without the
    second phase (Karras et al. 2020, appendix B).
    """
    ratio = interval / (interval + 1) if interval else 1.0
    betas = (BETAS[0] ** ratio, BETAS[1] ** ratio)
    return torch.optim.Adam(network.parameters(), lr=rate * ratio, betas=betas, eps=EPS, fused=True)


def faded_blur(images: Tensor, seen: int, fade_images: float) -> Tensor:
    """Blur by a Gaussian whose deviation falls linearly from 10 px to 0 over ``fade_images``."""
    sigma = 10 * (1 - seen / fade_images) if fade_images > seen else 0.0
    radius = int(3 * sigma)
    if radius == 0:
        return images
    taps = torch.arange(-radius, radius + 1, device=images.device)
    kernel = torch.exp2(-((taps / sigma) ** 2))
    return upfirdn2d(images, kernel / kernel.sum(), padding=radius)
