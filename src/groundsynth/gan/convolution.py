"""Convolution whose gradients are quick on CPUs at any padding.

PyTorch's CPU convolutions come from oneDNN. Its quick kernels for the gradient of the weights
take at most half a kernel of padding; beyond that (StyleGAN3 pads by kernel - 1) it falls back to
one that is five to ten times slower in channels_last order. They also slow down by up to a half
for input channels that do not fill their vectors.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Size = tuple[int, int]
VECTOR_CHANNELS = 16
"""Channels that one vector register of a CPU holds in float32 (512 bits)."""


def convolve(x: Tensor, w: Tensor, padding: Size, groups: int = 1) -> Tensor:
    """``x`` [N, I, H, W] correlated with ``w`` [O, I / groups, kh, kw], stride 1; (y, x) padding.

    What torch.nn.functional.conv2d gives, with derivatives of any order.
    """
    wide = any(side > taps // 2 for side, taps in zip(padding, w.shape[2:], strict=True))
    if x.is_cuda or groups > 1 or not wide:
        return F.conv2d(x, w, padding=padding, groups=groups)
    y: Tensor = _WidelyPadded.apply(x, w, padding)
    return y


class _WidelyPadded(torch.autograd.Function):
    """Convolution padded by more than half a kernel; only the gradient of ``w`` is our own way.

    The backward pass consists of differentiable operators, so that higher orders are PyTorch's.
    """

    @staticmethod
    def forward(x: Tensor, w: Tensor, padding: Size) -> Tensor:
        return F.conv2d(x, w, padding=padding)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, w, ctx.padding = inputs
        ctx.save_for_backward(x, w)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, w = ctx.saved_tensors
        dx = dw = None
        if ctx.needs_input_grad[0]:
            dx = _gradients(gradients[0], x, w, ctx.padding, of_weight=False)
        if ctx.needs_input_grad[1]:
            dw = _weight_gradient(gradients[0], x, w, ctx.padding)
        return dx, dw, None


def _weight_gradient(dy: Tensor, x: Tensor, w: Tensor, padding: Size) -> Tensor:
    """Gradient of ``w`` with the padding beyond half a kernel, and whole vectors, in ``x`` itself.

    The padded copy lives only as long as this call.
    """
    own = (min(padding[0], w.shape[2] // 2), min(padding[1], w.shape[3] // 2))
    more_y, more_x = padding[0] - own[0], padding[1] - own[1]
    channels = w.shape[1]
    spare = -channels % VECTOR_CHANNELS
    x = F.pad(x, [more_x, more_x, more_y, more_y, 0, spare])
    w = w.new_empty(1).expand(w.shape[0], channels + spare, *w.shape[2:])  # only its shape counts
    return _gradients(dy, x, w, own, of_weight=True)[:, :channels]


def _gradients(dy: Tensor, x: Tensor, w: Tensor, padding: Size, of_weight: bool) -> Tensor:
    """One of the two gradients of a convolution with stride 1."""
    wanted = [not of_weight, of_weight, False]
    both = torch.ops.aten.convolution_backward(
        dy, x, w, None, [1, 1], padding, [1, 1], False, [0, 0], 1, wanted
    )
    gradient: Tensor = both[1 if of_weight else 0]
    return gradient
