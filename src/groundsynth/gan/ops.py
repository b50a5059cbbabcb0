"""Operators of StyleGAN2 and StyleGAN3 in plain PyTorch: upfirdn2d, bias_act, filtered_lrelu.

Sources: Karras et al. 2020 (StyleGAN2) and 2021 (Alias-Free GAN, section 3.2). All operators
are differentiable any number of times, as R1 and path-length regularisation need. They are
quickest on CPU when ``x`` is in channels_last order; the order of the input is kept.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from groundsynth.gan.fir import (
    Pair,
    conv2d_resample,
    downsample2d,
    setup_filter,
    upfirdn2d,
    upsample2d,
)

__all__ = [
    "ACTIVATION_GAINS",
    "bias_act",
    "conv2d_resample",
    "downsample2d",
    "filtered_lrelu",
    "setup_filter",
    "upfirdn2d",
    "upsample2d",
]

ACTIVATION_GAINS = {
    "linear": 1.0,
    "relu": math.sqrt(2),
    "lrelu": math.sqrt(2),
    "tanh": 1.0,
    "sigmoid": 1.0,
    "elu": 1.0,
    "selu": 1.0,
    "softplus": 1.0,
    "swish": math.sqrt(2),
}
"""Default gain of each activation: what keeps the variance of a unit normal input roughly 1."""

_PLAIN = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "elu": F.elu,
    "selu": F.selu,
    "softplus": F.softplus,
    "swish": F.silu,
}


class _LeakyReluClamp(torch.autograd.Function):
    """clamp(gain * leaky_relu(x, slope)) for gain > 0, slope >= 0; keeps its output only.

    The sign of the output says which slope applied and its size whether it was clamped, so the
    gradient needs neither the input nor a mask.
    """

    @staticmethod
    def forward(x: Tensor, slope: float, gain: float, clamp: float | None, inplace: bool) -> Tensor:
        y = F.leaky_relu(x, slope, inplace)
        if gain != 1:
            y.mul_(gain)
        return y if clamp is None else y.clamp_(-clamp, clamp)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, ctx.slope, ctx.gain, ctx.clamp, inplace = inputs
        if inplace:
            ctx.mark_dirty(x)
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        y = ctx.saved_tensors[0].detach()
        dx = _LeakyReluClampSlope.apply(gradients[0], y, ctx.slope, ctx.gain, ctx.clamp)
        return dx, None, None, None, None


class _LeakyReluClampSlope(torch.autograd.Function):
    """``dy`` times the derivative at output ``y``; its own adjoint, so that all orders exist.

    One result is made and worked on in place: at the raised sampling rate a fresh one for each
    step costs more than the arithmetic.
    """

    @staticmethod
    def forward(dy: Tensor, y: Tensor, slope: float, gain: float, clamp: float | None) -> Tensor:
        dx: Tensor = torch.ops.aten.leaky_relu_backward(dy, y, slope, True)
        if gain != 1:
            dx.mul_(gain)
        if clamp is not None:
            torch.ops.aten.hardtanh_backward.grad_input(dx, y, -clamp, clamp, grad_input=dx)
        return dx

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, y, ctx.slope, ctx.gain, ctx.clamp = inputs
        ctx.save_for_backward(y)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        (y,) = ctx.saved_tensors
        dx = _LeakyReluClampSlope.apply(gradients[0], y, ctx.slope, ctx.gain, ctx.clamp)
        return dx, None, None, None, None


def bias_act(
    x: Tensor,
    b: Tensor | None = None,
    dim: int = 1,
    act: str = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
) -> Tensor:
    """Activation of ``x + b``, times ``gain``, clamped to [-clamp, clamp].

    ``b`` is one number for each index of dimension ``dim``. ``alpha`` is the slope of lrelu
    (0.2); the other activations have none and ignore it. ``gain`` defaults to
    ``ACTIVATION_GAINS[act]``. Raises ValueError for an unknown activation or a bias that does
    not fit.
    """
    if act not in ACTIVATION_GAINS:
        raise ValueError(f"Unknown activation {act!r}; known are {', '.join(ACTIVATION_GAINS)}.")
    gain = ACTIVATION_GAINS[act] if gain is None else float(gain)
    fresh = b is not None
    if b is not None:
        x = x + _along(b, x, dim)
    if act == "lrelu":
        return _leaky_relu(x, 0.2 if alpha is None else alpha, gain, clamp, inplace=fresh)
    if act != "linear":
        x = _PLAIN[act](x)
    if gain != 1:
        x = x * gain
    return x if clamp is None else x.clamp(-clamp, clamp)


def filtered_lrelu(
    x: Tensor,
    fu: Tensor | None = None,
    fd: Tensor | None = None,
    b: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: Pair = 0,
    gain: float = math.sqrt(2),
    slope: float = 0.2,
    clamp: float | None = None,
    flip_filter: bool = False,
) -> Tensor:
    """Leaky ReLU at a higher sampling rate, so that it adds no aliasing (Alias-Free GAN, 3.2).

    Adds ``b`` [C] to ``x`` [N, C, H, W], upsamples by ``up`` with filter ``fu`` and
    ``padding`` (see upfirdn2d), applies gain, leaky ReLU and clamp, downsamples by ``down``
    with ``fd``. Raises ValueError unless gain is positive and slope not negative.
    """
    if gain <= 0 or slope < 0:
        raise ValueError(f"gain must be positive and slope not negative, not {gain} and {slope}.")
    if b is not None:
        x = x + _along(b, x, 1)
    # A positive gain passes through the leaky ReLU: the upsampling filter carries it for free.
    x = upfirdn2d(x, fu, up=up, padding=padding, gain=up**2 * gain, flip_filter=flip_filter)
    x = _leaky_relu(x, slope, 1.0, clamp, inplace=True)
    return x if fd is None and down == 1 else upfirdn2d(x, fd, down=down, flip_filter=flip_filter)


def _leaky_relu(x: Tensor, slope: float, gain: float, clamp: float | None, inplace: bool) -> Tensor:
    """Leaky ReLU, gain and clamp; the one-tensor form wherever the output tells the branch.

    ``inplace`` may overwrite ``x``, which nobody else then may hold.
    """
    if slope > 0 and gain > 0 and (slope != 1 or clamp is not None):
        # The compiler cannot trace an overwritten input, and fuses the passes anyway.
        inplace = inplace and not torch.compiler.is_compiling()
        y: Tensor = _LeakyReluClamp.apply(x, slope, gain, clamp, inplace)
        return y
    x = F.leaky_relu(x, slope) * gain
    return x if clamp is None else x.clamp(-clamp, clamp)


def _along(b: Tensor, x: Tensor, dim: int) -> Tensor:
    """Bias [size of ``dim``] shaped to broadcast over ``x``."""
    if b.ndim != 1 or b.shape[0] != x.shape[dim]:
        raise ValueError(
            f"A bias of shape {tuple(b.shape)} does not fit dimension {dim} of {tuple(x.shape)}."
        )
    return b.reshape([-1 if i == dim % x.ndim else 1 for i in range(x.ndim)]).to(x.dtype)
