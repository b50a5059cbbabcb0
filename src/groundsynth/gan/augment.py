"""Differentiable pipe of random image transforms for adaptive discriminator augmentation (ADA).

Source: Karras et al. 2020 (Training Generative Adversarial Networks with Limited Data,
appendix B). ``augment_adaptive`` controls its strength.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from groundsynth.gan import augment_filters as filters
from groundsynth.gan import augment_geometry as geometry
from groundsynth.gan.ops import setup_filter


@dataclass(frozen=True)
class _Draws:
    """Random numbers of one call; a percentile replaces them, but they are drawn all the same."""

    p: Tensor
    device: torch.device
    percentile: float | None

    def _or_fixed(self, drawn: Tensor, fixed: float) -> Tensor:
        return drawn if self.percentile is None else torch.full_like(drawn, fixed)

    def uniform(self, *shape: int) -> Tensor:
        """In [0, 1)."""
        return self._or_fixed(torch.rand(shape, device=self.device), self.percentile or 0.0)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal."""
        drawn = torch.randn(shape, device=self.device)
        return self._or_fixed(drawn, _erfinv(2 * (self.percentile or 0.0) - 1))

    def half_normal(self, *shape: int) -> Tensor:
        """Absolute value of a standard normal."""
        drawn = torch.randn(shape, device=self.device).abs()
        return self._or_fixed(drawn, _erfinv(self.percentile or 0.0))

    def gate(self, probability: float | Tensor, *shape: int) -> Tensor:
        """Whether an operation applies; with a percentile, wherever it is configured at all."""
        chosen = torch.rand(shape, device=self.device) < probability * self.p
        return chosen if self.percentile is None else torch.full_like(chosen, True)

    def choose(self, value: Tensor, otherwise: float, strength: float) -> Tensor:
        """``value`` where its gate opens, one gate for each sample."""
        gate = self.gate(strength, len(value), *[1] * (value.ndim - 1))
        return torch.where(gate, value, otherwise)


def _erfinv(x: float) -> float:
    return float(torch.tensor(x).erfinv())


class AugmentPipe(nn.Module):
    """Random transforms of images [N, C, H, W] in [-1, 1], each with probability strength * p.

    The first word groups of the keywords are strengths (0 = off, 1 = probability p); ``*_max`` and
    ``*_std`` are the sizes of uniform and (log-)normal draws. ``p`` is a buffer that starts at 1.
    """

    p: Tensor
    wavelet: Tensor
    bank: Tensor

    def __init__(
        self,
        xflip: float = 0,
        rotate90: float = 0,
        xint: float = 0,
        xint_max: float = 0.125,
        scale: float = 0,
        rotate: float = 0,
        aniso: float = 0,
        xfrac: float = 0,
        scale_std: float = 0.2,
        rotate_max: float = 1,
        aniso_std: float = 0.2,
        xfrac_std: float = 0.125,
        brightness: float = 0,
        contrast: float = 0,
        lumaflip: float = 0,
        hue: float = 0,
        saturation: float = 0,
        brightness_std: float = 0.2,
        contrast_std: float = 0.5,
        hue_max: float = 1,
        saturation_std: float = 1,
        imgfilter: float = 0,
        imgfilter_bands: Sequence[float] = (1, 1, 1, 1),
        imgfilter_std: float = 1,
        noise: float = 0,
        cutout: float = 0,
        noise_std: float = 0.1,
        cutout_size: float = 0.5,
    ) -> None:
        super().__init__()
        self.xflip, self.rotate90, self.xint, self.xint_max = xflip, rotate90, xint, xint_max
        self.scale, self.rotate, self.aniso, self.xfrac = scale, rotate, aniso, xfrac
        self.scale_std, self.rotate_max = scale_std, rotate_max
        self.aniso_std, self.xfrac_std = aniso_std, xfrac_std
        self.brightness, self.contrast, self.lumaflip = brightness, contrast, lumaflip
        self.hue, self.saturation = hue, saturation
        self.brightness_std, self.contrast_std = brightness_std, contrast_std
        self.hue_max, self.saturation_std = hue_max, saturation_std
        self.imgfilter, self.imgfilter_std = imgfilter, imgfilter_std
        self.imgfilter_bands = tuple(imgfilter_bands)
        self.noise, self.noise_std = noise, noise_std
        self.cutout, self.cutout_size = cutout, cutout_size
        self.register_buffer("p", torch.ones([]))
        self.register_buffer("wavelet", setup_filter(geometry.SYM6), persistent=False)
        self.register_buffer("bank", filters.filter_bank(), persistent=False)

    def forward(self, images: Tensor, debug_percentile: float | None = None) -> Tensor:
        """Transformed images; ``debug_percentile`` in (0, 1) fixes all draws but the noise."""
        draws = _Draws(self.p, images.device, debug_percentile)
        geometric = [self.xflip, self.rotate90, self.xint, self.scale, self.rotate, self.aniso]
        if any(strength > 0 for strength in [*geometric, self.xfrac]):
            inverse = self._exact_geometry(images, draws) @ self._general_geometry(images, draws)
            images = geometry.warp(images, inverse, self.wavelet)
        coloured = [self.brightness, self.contrast, self.lumaflip, self.hue, self.saturation]
        if any(strength > 0 for strength in coloured):
            images = filters.transform_colors(images, self._colors(images, draws))
        if self.imgfilter > 0:
            images = filters.filter_bands(images, self._band_gains(len(images), draws), self.bank)
        return self._corrupted(images, draws)

    def _exact_geometry(self, images: Tensor, draws: _Draws) -> Tensor:
        """Flips, quarter turns and whole-pixel shifts: [N, 3, 3] from output to input positions.

        Later operations stand on the right.
        """
        n, _, height, width = images.shape
        size = torch.tensor([width, height], device=images.device)
        inverse = torch.eye(3, device=images.device).repeat(n, 1, 1)
        if self.xflip > 0:
            i = draws.choose((draws.uniform(n) * 2).floor(), 0, self.xflip)
            inverse = inverse @ geometry.scaling(1 - 2 * i, torch.ones_like(i))
        if self.rotate90 > 0:
            i = draws.choose((draws.uniform(n) * 4).floor(), 0, self.rotate90)
            inverse = inverse @ geometry.rotation(i * (math.pi / 2))
        if self.xint > 0:
            t = draws.choose((draws.uniform(n, 2) * 2 - 1) * self.xint_max, 0, self.xint)
            inverse = inverse @ geometry.translation(*(-t * size).round().unbind(dim=1))
        return inverse

    def _general_geometry(self, images: Tensor, draws: _Draws) -> Tensor:
        """Scaling, rotation, stretching and fractional shifts, [N, 3, 3] as above."""
        n, _, height, width = images.shape
        size = torch.tensor([width, height], device=images.device)
        inverse = torch.eye(3, device=images.device).repeat(n, 1, 1)
        if self.scale > 0:
            s = draws.choose((draws.normal(n) * self.scale_std).exp2(), 1, self.scale)
            inverse = inverse @ geometry.scaling(1 / s, 1 / s)
        if self.rotate > 0:
            inverse = inverse @ geometry.rotation(self._angle(n, draws))
        if self.aniso > 0:
            s = draws.choose((draws.normal(n) * self.aniso_std).exp2(), 1, self.aniso)
            inverse = inverse @ geometry.scaling(1 / s, s)
        if self.rotate > 0:
            angle = self._angle(n, draws)
            # Two equal rotations would hide the anisotropic scaling from a debugging eye.
            angle = angle if draws.percentile is None else torch.zeros_like(angle)
            inverse = inverse @ geometry.rotation(angle)
        if self.xfrac > 0:
            t = draws.choose(draws.normal(n, 2) * self.xfrac_std, 0, self.xfrac)
            inverse = inverse @ geometry.translation(*(-t * size).unbind(dim=1))
        return inverse

    def _angle(self, n: int, draws: _Draws) -> Tensor:
        """One of two rotations, gated so that either happens with probability rotate * p."""
        angle = (draws.uniform(n) * 2 - 1) * (math.pi * self.rotate_max)
        either = (self.rotate * self.p).clamp(0, 1)
        chosen = torch.rand([n], device=self.p.device) < 1 - (1 - either).sqrt()
        return angle if draws.percentile is not None else torch.where(chosen, angle, 0)

    def _colors(self, images: Tensor, draws: _Draws) -> Tensor:
        """Matrix [N, 4, 4] on homogeneous RGB, later operations on the left."""
        n, channels = images.shape[:2]
        identity = torch.eye(4, device=images.device)
        grey = torch.outer(*[filters.luma_axis(images.device)] * 2)
        colors = identity.repeat(n, 1, 1)
        if self.brightness > 0:
            b = draws.choose(draws.normal(n) * self.brightness_std, 0, self.brightness)
            colors = filters.color_shift(b) @ colors
        if self.contrast > 0:
            c = draws.choose((draws.normal(n) * self.contrast_std).exp2(), 1, self.contrast)
            colors = filters.color_scale(c) @ colors
        if self.lumaflip > 0:
            i = draws.choose((draws.uniform(n, 1, 1) * 2).floor(), 0, self.lumaflip)
            colors = (identity - 2 * grey * i) @ colors
        if self.hue > 0 and channels > 1:
            angle = (draws.uniform(n) * 2 - 1) * (math.pi * self.hue_max)
            colors = filters.hue_rotation(draws.choose(angle, 0, self.hue)) @ colors
        if self.saturation > 0 and channels > 1:
            s = (draws.normal(n, 1, 1) * self.saturation_std).exp2()
            s = draws.choose(s, 1, self.saturation)
            colors = (grey + (identity - grey) * s) @ colors
        return colors

    def _band_gains(self, n: int, draws: _Draws) -> Tensor:
        """Amplification [N, 4] of each band; the expected power of the image is kept."""
        power = torch.tensor(filters.EXPECTED_POWER, device=self.p.device)
        gains = torch.ones([n, len(power)], device=self.p.device)
        for i, strength in enumerate(self.imgfilter_bands):
            drawn = (draws.normal(n) * self.imgfilter_std).exp2()
            drawn = draws.choose(drawn, 1, self.imgfilter * strength)
            band = torch.ones_like(gains)
            band[:, i] = drawn if strength > 0 else 1
            gains = gains * band / (power * band.square()).sum(dim=1, keepdim=True).sqrt()
        return gains

    def _corrupted(self, images: Tensor, draws: _Draws) -> Tensor:
        """Additive noise, then a rectangle cut out."""
        n = len(images)
        if self.noise > 0:
            sigma = draws.choose(draws.half_normal(n, 1, 1, 1) * self.noise_std, 0, self.noise)
            images = images + torch.randn_like(images) * sigma
        if self.cutout > 0:
            chosen = draws.gate(self.cutout, n, 1)
            size = torch.where(chosen, self.cutout_size, 0.0).expand(n, 2)
            images = filters.cut_out(images, draws.uniform(n, 2), size)
        return images
