"""Convolution whose kernels are scaled per sample by a style (Karras et al. 2020, section 2.2)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from groundsynth.gan.ops import conv2d_resample


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    demodulate: bool = True,
    gain: Tensor | None = None,
    offset: Tensor | None = None,
    **resampling: Any,
) -> Tensor:
    """Convolve ``x`` [N, I, H, W] by ``weight`` [O, I, kh, kw] scaled by ``styles`` [N, I].

    Scales activations instead of weights, before the convolution by the styles and after it by
    the demodulation, so that one ordinary convolution serves the whole batch. ``gain`` (a scalar
    tensor) multiplies a demodulated result, ``offset`` is added to it (anything that broadcasts
    to the output). ``resampling`` goes to conv2d_resample: f, up, padding, flip_weight.
    """
    if demodulate and x.dtype == torch.float16:
        weight, styles = _within_half_range(weight, styles)
    y = x * styles.to(x.dtype)[:, :, None, None]
    y = conv2d_resample(y, weight.to(x.dtype), **resampling)
    if not demodulate:
        return y if offset is None else y + offset.to(x.dtype)
    scale = demodulation(weight, styles)
    scale = (scale if gain is None else scale * gain).to(x.dtype)[:, :, None, None]
    return y * scale if offset is None else torch.addcmul(offset.to(x.dtype), y, scale)


def demodulation(weight: Tensor, styles: Tensor) -> Tensor:
    """Factors [N, O] that bring the expected output variance back to one.

    1 / sqrt(sum over I, kh, kw of (weight * style)^2), computed without the per-sample weights.
    """
    power = weight.square().sum(dim=[2, 3])
    return (styles.square() @ power.t() + 1e-8).rsqrt()


def _within_half_range(weight: Tensor, styles: Tensor) -> tuple[Tensor, Tensor]:
    """Both divided by their largest entries (per output channel, per sample).

    Demodulation cancels any such factor; float16 overflows without it.
    """
    fan_in = math.prod(weight.shape[1:])
    peak = weight.abs().amax(dim=[1, 2, 3], keepdim=True)
    return weight / (peak * math.sqrt(fan_in)), styles / styles.abs().amax(dim=1, keepdim=True)
