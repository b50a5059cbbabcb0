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
    unit_kernels: bool = False,
    **resampling: Any,
) -> Tensor:
    """Convolve ``x`` [N, I, H, W] by ``weight`` [O, I, kh, kw] scaled by ``styles`` [N, I].

    Scales activations instead of weights, before the convolution by the styles and after it by
    the demodulation, so that one ordinary convolution serves the whole batch. ``gain`` (a scalar
    tensor) multiplies a demodulated result, ``offset`` is added to it (anything that broadcasts
    to the output). With ``unit_kernels`` a demodulated convolution is that of kernels divided by
    their root mean square over I, kh, kw. ``resampling`` goes to conv2d_resample: f, up, padding,
    flip_weight.
    """
    if demodulate and x.dtype == torch.float16:
        weight, styles = _within_half_range(weight, styles)
    y = x * styles.to(x.dtype)[:, :, None, None]
    y = conv2d_resample(y, weight.to(x.dtype), **resampling)
    if not demodulate:
        return y if offset is None else y + offset.to(x.dtype)
    scale = demodulation(weight, styles, unit_kernels)
    scale = (scale if gain is None else scale * gain).to(x.dtype)[:, :, None, None]
    return y * scale if offset is None else torch.addcmul(offset.to(x.dtype), y, scale)


def demodulation(weight: Tensor, styles: Tensor, unit_kernels: bool = False) -> Tensor:
    """Factors [N, O] that bring the expected output variance back to one.

    1 / sqrt(sum over I, kh, kw of (weight * style)^2), computed without the per-sample weights.
    ``unit_kernels`` as in modulated_conv2d: the division is part of the factors.
    """
    power = weight.square().sum(dim=[2, 3])
    if not unit_kernels:
        return (styles.square() @ power.t() + 1e-8).rsqrt()
    shrink = (power.mean(dim=1) / math.prod(weight.shape[2:])).rsqrt()
    return (styles.square() @ power.t() * shrink.square() + 1e-8).rsqrt() * shrink


def _within_half_range(weight: Tensor, styles: Tensor) -> tuple[Tensor, Tensor]:
    """Both divided by their largest entries (per output channel, per sample).

    Demodulation cancels any such factor; float16 overflows without it.
    """
    fan_in = math.prod(weight.shape[1:])
    peak = weight.abs().amax(dim=[1, 2, 3], keepdim=True)
    return weight / (peak * math.sqrt(fan_in)), styles / styles.abs().amax(dim=1, keepdim=True)
