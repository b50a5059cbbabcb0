"""The operators by their definitions: zeros inserted, kernels for each sample, no shortcut.

``plain_operators()`` puts them in the place of ours while a forward pass runs; they differentiate
by themselves, so that backward passes are theirs too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional as F

from groundsynth.gan import fir, layers, ops, stylegan2_blocks, stylegan3_layers


def upfirdn2d(
    x: Tensor,
    f: Tensor | None,
    up: Any = 1,
    down: Any = 1,
    padding: Any = 0,
    flip_filter: bool = False,
    gain: float = 1,
) -> Tensor:
    """Zero insertion, padding, one or two depthwise convolutions, decimation."""
    up_x, up_y = fir._pair(up, "up")
    down_x, down_y = fir._pair(down, "down")
    batch, channels, height, width = x.shape
    x = x.reshape(batch, channels, height, 1, width, 1)
    x = F.pad(x, [0, up_x - 1, 0, 0, 0, up_y - 1])
    x = x.reshape(batch, channels, height * up_y, width * up_x)
    x = F.pad(x, fir._four_sides(padding))  # negative sides crop
    taps = torch.ones([1, 1]) if f is None else f
    taps = taps * gain ** (taps.ndim / 2)
    if not flip_filter:
        taps = taps.flip(list(range(taps.ndim)))
    kernels = [taps] if taps.ndim == 2 else [taps[None, :], taps[:, None]]
    for kernel in kernels:
        weight = kernel.repeat(channels, 1, 1, 1)
        x = F.conv2d(x, weight, groups=channels)
    return x[:, :, ::down_y, ::down_x]


def bias_act(
    x: Tensor,
    b: Tensor | None = None,
    dim: int = 1,
    act: str = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
) -> Tensor:
    """Bias, activation, gain, clamp: one pass each."""
    if b is not None:
        x = x + b.reshape([-1 if i == dim else 1 for i in range(x.ndim)])
    if act == "lrelu":
        x = F.leaky_relu(x, 0.2 if alpha is None else alpha)
    x = x * (ops.ACTIVATION_GAINS[act] if gain is None else gain)
    return x if clamp is None else x.clamp(-clamp, clamp)


def filtered_lrelu(
    x: Tensor,
    fu: Tensor | None = None,
    fd: Tensor | None = None,
    b: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: Any = 0,
    gain: float = 2**0.5,
    slope: float = 0.2,
    clamp: float | None = None,
    flip_filter: bool = False,
) -> Tensor:
    """Upsampling, activation and downsampling as three separate steps."""
    x = bias_act(x, b)
    x = upfirdn2d(x, fu, up=up, padding=padding, gain=up**2, flip_filter=flip_filter)
    x = bias_act(x, act="lrelu", alpha=slope, gain=gain, clamp=clamp)
    return upfirdn2d(x, fd, down=down, flip_filter=flip_filter)


def conv2d_resample(
    x: Tensor,
    w: Tensor,
    f: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: int = 0,
    groups: int = 1,
    flip_weight: bool = True,
    flip_filter: bool = False,
) -> Tensor:
    """Upsample by ``f``, convolve, downsample by ``f``, as far as either is asked for."""
    width, height = fir.filter_size(f)
    sides = [
        side + extra
        for side, extra in zip(
            [padding] * 4,
            [*fir._alignment(width, up, down), *fir._alignment(height, up, down)],
            strict=True,
        )
    ]
    kernel = w if flip_weight else w.flip([2, 3])
    if up > 1:
        x = upfirdn2d(x, f, up=up, padding=sides, gain=up**2, flip_filter=flip_filter)
        return F.conv2d(x, kernel, groups=groups)
    if down > 1:
        x = upfirdn2d(x, f, padding=sides, flip_filter=flip_filter)
        return F.conv2d(x, kernel, stride=down, groups=groups)
    return F.conv2d(x, kernel, padding=padding, groups=groups)


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
    """A kernel for each sample, all of them applied by one grouped convolution."""
    batch = len(x)
    if unit_kernels:
        weight = weight * weight.square().mean(dim=[1, 2, 3], keepdim=True).rsqrt()
    kernels = weight[None] * styles[:, None, :, None, None]
    if demodulate:
        power = kernels.square().sum(dim=[2, 3, 4], keepdim=True)
        kernels = kernels * (power + 1e-8).rsqrt()
    if gain is not None:
        kernels = kernels * gain
    x = x.reshape(1, -1, *x.shape[2:])
    x = conv2d_resample(x, kernels.flatten(0, 1), groups=batch, **resampling)
    x = x.reshape(batch, -1, *x.shape[2:])
    return x if offset is None else x + offset


REPLACED: Sequence[tuple[Any, str, Any]] = [
    (layers, "bias_act", bias_act),
    (layers, "conv2d_resample", conv2d_resample),
    (stylegan2_blocks, "bias_act", bias_act),
    (stylegan2_blocks, "modulated_conv2d", modulated_conv2d),
    (fir, "upfirdn2d", upfirdn2d),  # upsample2d, downsample2d
    (stylegan3_layers, "filtered_lrelu", filtered_lrelu),
    (stylegan3_layers, "modulated_conv2d", modulated_conv2d),
]
"""Module, name and plain form of each operator as the networks look it up."""


@contextmanager
def plain_operators() -> Iterator[None]:
    """Let the networks compute with the operators of this module."""
    with ExitStack() as stack:
        for module, name, plain in REPLACED:
            stack.enter_context(mock.patch.object(module, name, plain))
        yield
