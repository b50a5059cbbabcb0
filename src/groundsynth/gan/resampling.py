"""Depthwise passes of upfirdn2d: zero insertion, padding, one FIR filter, decimation.

No zero-stuffed image is ever built: a transposed convolution inserts zeros and filters in one
pass, a strided one filters only the samples that are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Size = tuple[int, int]


class _Correlate(torch.autograd.Function):
    """Each channel of ``x`` correlated with one kernel [kh, kw], strided.

    Its adjoint is ``_Spread`` and the reverse, so that derivatives of any order cost one depthwise
    convolution each. PyTorch's own second derivative of a depthwise convolution runs a loop over
    the channels, and its first keeps ``x`` alive for a filter gradient that nobody asks for.
    """

    @staticmethod
    def forward(x: Tensor, kernel: Tensor, stride: Size, padding: Size) -> Tensor:
        weight = _depthwise(kernel, x)
        return F.conv2d(x, weight, stride=stride, padding=padding, groups=x.shape[1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, kernel, ctx.stride, ctx.padding = inputs
        ctx.size = (x.shape[2], x.shape[3])
        ctx.save_for_backward(kernel)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (kernel,) = ctx.saved_tensors
        dy = gradients[0]
        dx = _Spread.apply(dy, kernel.to(dy.dtype), ctx.stride, ctx.padding, ctx.size)
        return dx, None, None, None


class _Spread(torch.autograd.Function):
    """Transpose of ``_Correlate``: zeros inserted, then a true convolution, to ``size``."""

    @staticmethod
    def forward(x: Tensor, kernel: Tensor, stride: Size, padding: Size, size: Size) -> Tensor:
        extra = [
            size[i] - (x.shape[2 + i] - 1) * stride[i] + 2 * padding[i] - kernel.shape[i]
            for i in (0, 1)
        ]
        weight = _depthwise(kernel, x)
        return F.conv_transpose2d(
            x, weight, stride=stride, padding=padding, output_padding=extra, groups=x.shape[1]
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, kernel, ctx.stride, ctx.padding, _ = inputs
        ctx.save_for_backward(kernel)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        (kernel,) = ctx.saved_tensors
        dy = gradients[0]
        dx = _Correlate.apply(dy, kernel.to(dy.dtype), ctx.stride, ctx.padding)
        return dx, None, None, None, None


def _pad_or_crop(x: Tensor, sides: Sequence[int]) -> Tensor:
    """Zeros where a side is positive, a view without the margin where it is negative."""
    left, right, top, bottom = sides
    if left < 0 or right < 0:
        x = x.narrow(3, max(-left, 0), x.shape[3] - max(-left, 0) - max(-right, 0))
    if top < 0 or bottom < 0:
        x = x.narrow(2, max(-top, 0), x.shape[2] - max(-top, 0) - max(-bottom, 0))
    positive = [max(side, 0) for side in (left, right, top, bottom)]
    return F.pad(x, positive) if any(positive) else x


def _depthwise(kernel: Tensor, x: Tensor) -> Tensor:
    """One filter [kh, kw] as the weight [C, 1, kh, kw] of a depthwise convolution of ``x``."""
    return kernel.expand(x.shape[1], 1, *kernel.shape)


def leave_equal_padding(x: Tensor, sides: Sequence[int]) -> tuple[Tensor, Size]:
    """Pad or crop, except what a convolution can do itself: the same on both sides of an axis."""
    left, right, top, bottom = sides
    own_x, own_y = max(min(left, right), 0), max(min(top, bottom), 0)
    rest = [left - own_x, right - own_x, top - own_y, bottom - own_y]
    return _pad_or_crop(x, rest) if any(rest) else x, (own_y, own_x)


def resample(
    x: Tensor,
    kernel: Tensor,
    up: tuple[int, int],
    down: tuple[int, int],
    sides: tuple[int, int, int, int],
) -> Tensor:
    """One two-dimensional pass of upfirdn2d with a true convolution; factors are (y, x)."""
    if up == (1, 1):
        if kernel.numel() == 1 and down == (1, 1):
            return _pad_or_crop(x, sides) * kernel
        x, padding = leave_equal_padding(x, sides)
        y: Tensor = _Correlate.apply(x, kernel.flip([0, 1]), down, padding)
        return y
    x = _upsample(x, kernel, up, sides)
    return x[:, :, :: down[0], :: down[1]] if down != (1, 1) else x


def _upsample(
    x: Tensor, kernel: Tensor, up: tuple[int, int], sides: tuple[int, int, int, int]
) -> Tensor:
    """Zero insertion, padding and convolution as one transposed convolution.

    The full transposed convolution reaches ``taps - 1`` samples before the first input sample
    and ends ``up - 1`` zeros early; what the padding does not ask for is cropped.
    """
    crop_y, before_y, after_y = _overhang(kernel.shape[0], up[0], sides[2], sides[3])
    crop_x, before_x, after_x = _overhang(kernel.shape[1], up[1], sides[0], sides[1])
    # Input samples that reach no kept output are dropped before any arithmetic.
    x = _pad_or_crop(x, [-crop_x[0], -crop_x[1], -crop_y[0], -crop_y[1]])
    own_y, own_x = max(min(before_y, after_y), 0), max(min(before_x, after_x), 0)
    size = [
        (x.shape[2 + i] - 1) * up[i] + kernel.shape[i] - 2 * own
        for i, own in ((0, own_y), (1, own_x))
    ]
    x = _Spread.apply(x, kernel, up, (own_y, own_x), size)
    return _pad_or_crop(x, [own_x - before_x, own_x - after_x, own_y - before_y, own_y - after_y])


def _overhang(taps: int, up: int, before: int, after: int) -> tuple[tuple[int, int], int, int]:
    """Input samples to drop at both ends, then output samples to crop (negative: zeros to add)."""
    drop = (max(-(before // up), 0), max(-after // up, 0))
    return drop, taps - 1 - before - drop[0] * up, taps - up - after - drop[1] * up
