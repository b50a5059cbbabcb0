"""Convolutions of maps of a few pixels as matrix products, where a network runs on a CPU.

The deep stages of a network see a small patch as one to sixteen pixels. A kernel of 3 or 5 pixels
mostly meets padding there, and PyTorch's convolutions on CPUs, made for large maps, take up to
thirty times as long as what is left to do: the pixels that each output pixel sees, gathered in a
row, times the kernel (Chellapilla, Puri and Simard 2006, section 3), without those of its taps
that see padding alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

FEW_PIXELS = 4
"""Pixels of an output map for which a product is quicker at any batch size; measured, as are:"""
FEW_ROWS, FEW_DEPTHWISE_ROWS = 128, 32
"""Pixels of a batch's output maps together up to which it is quicker too."""
MOST_SEEN = 256
"""Pixels of an input map; the table of what a kernel sees grows with it."""

Pair = tuple[int, int]


def use_products(model: nn.Module) -> None:
    """Let each convolution of ``model`` take the quicker way for its maps; no state changes."""
    for module in model.modules():
        if type(module) is nn.Conv2d and _ordinary(module):
            module.__class__ = SmallMapConv2d


def _ordinary(module: nn.Conv2d) -> bool:
    """Whether zeros surround the map, and an output channel sees all input channels or its own."""
    depthwise = module.groups == module.in_channels == module.out_channels
    sees = module.groups == 1 or depthwise
    return sees and module.padding_mode == "zeros" and not isinstance(module.padding, str)


class SmallMapConv2d(nn.Conv2d):
    """nn.Conv2d with the same results, those of small maps on a CPU by matrix products.

    Of such products there are first derivatives only.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        images = input.ndim == 4 and len(input) > 0
        if not images or input.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
            return super()._conv_forward(input, weight, bias)
        if self.kernel_size == (1, 1):
            return self._single(input, weight, bias)
        view = self._view(input)
        if view is None:
            return super()._conv_forward(input, weight, bias)
        product: type[torch.autograd.Function] = _Dense if self.groups == 1 else _Depthwise
        maps: Tensor = product.apply(input, weight, bias, view)
        return maps

    def _single(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """By a kernel of one pixel; only where the map is one pixel too, a product is quicker."""
        if input.shape[2:] != (1, 1) or self.groups > 1 or self.padding != (0, 0):
            return super()._conv_forward(input, weight, bias)
        return F.linear(input.flatten(1), weight.flatten(1), bias)[:, :, None, None]

    def _view(self, x: Tensor) -> View | None:
        """What the kernel sees of maps like ``x`` where a product is quicker; None elsewhere."""
        geometry = (self.kernel_size, self.stride, self.padding, self.dilation)
        view = view_of(tuple(x.shape[2:]), *geometry)
        if view is None:
            return None
        pixels = view.size[0] * view.size[1]
        dense = self.groups == 1
        always, few = (FEW_PIXELS, FEW_ROWS) if dense else (1, FEW_DEPTHWISE_ROWS)
        return view if pixels <= always or len(x) * pixels <= few else None


@dataclass(frozen=True)
class View:
    """Which pixels of an input map each pixel of the output map sees."""

    size: Pair
    """Height and width of the output map."""
    seen: Tensor
    """int64 [P K]: the input pixel under each of K taps for each of P output pixels, row by row;
    the number of input pixels stands for the padding."""
    taps: Tensor
    """int64 [K]: the taps that see any pixel."""
    total: int
    """Taps of the kernel."""
    spread: Tensor
    """float32 [input pixels, P K], 1 where ``seen`` names the pixel: adds up what comes back."""

    joint: Tensor
    """int64 [P x input pixels]: the tap that joins each output pixel to each input pixel; the
    number of taps where none does."""
    joining: Tensor
    """float32 [taps, P x input pixels], 1 where ``joint`` names the tap."""

    @property
    def pixels(self) -> int:
        """Pixels of an input map."""
        return len(self.spread)


@lru_cache(maxsize=1024)
def view_of(side: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> View | None:
    """How a kernel lies on maps of height and width ``side``; None: large or unseen."""
    pixels = side[0] * side[1]
    down, across = (
        _line(*along) for along in zip(side, kernel, stride, padding, dilation, strict=True)
    )
    size = (len(down), len(across))
    if pixels > MOST_SEEN or size[0] * size[1] > FEW_ROWS:
        return None
    within = (down >= 0)[:, None, :, None] & (across >= 0)[None, :, None, :]
    place = down[:, None, :, None] * side[1] + across[None, :, None, :]
    seen = torch.where(within, place, pixels).reshape(size[0] * size[1], -1)
    joint = torch.full((len(seen), pixels + 1), seen.shape[1])
    joint.scatter_(1, seen, torch.arange(seen.shape[1]).expand_as(seen))
    joint = joint[:, :pixels].flatten()
    taps = (seen < pixels).any(0).nonzero()[:, 0]
    if not len(taps):
        return None
    rows = seen[:, taps].flatten()
    return View(
        size=size,
        seen=rows,
        taps=taps,
        total=seen.shape[1],
        spread=_ones(rows, pixels),
        joint=joint,
        joining=_ones(joint, seen.shape[1]),
    )


def _ones(names: Tensor, count: int) -> Tensor:
    """float32 [count, len(names)]: 1 where a row is the one named; others name no row."""
    return (torch.arange(count)[:, None] == names).float()


def _line(side: int, kernel: int, stride: int, padding: int, dilation: int) -> Tensor:
    """int64 [outputs, taps]: the place that each tap sees along one direction, -1 for padding."""
    outputs = (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    first = torch.arange(outputs) * stride - padding
    place = first[:, None] + torch.arange(kernel) * dilation
    return torch.where((place >= 0) & (place < side), place, -1)


class _Dense(torch.autograd.Function):
    """Every output channel sees every input channel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, view: View) -> Tensor:
        seen = _gathered(x, view)
        kernel = _seeing(weight, view).flatten(1)
        ctx.save_for_backward(seen, kernel)
        ctx.view, ctx.maps, ctx.kernel = view, x.shape, weight.shape
        maps, rows = _empty_maps(x, len(weight), view)
        if bias is None:
            torch.mm(seen, kernel.t(), out=rows)
        else:
            torch.addmm(bias, seen, kernel.t(), out=rows)
        return maps

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        seen, kernel = ctx.saved_tensors
        above = _as_rows(gradients[0]).flatten(0, 1)
        below = own = None
        if ctx.needs_input_grad[0]:
            below = _scattered(above @ kernel, ctx)
        if ctx.needs_input_grad[1]:
            own = _whole((above.t() @ seen).unflatten(1, (len(ctx.view.taps), -1)), ctx)
        return below, own, above.sum(0) if ctx.needs_input_grad[2] else None, None


class _Depthwise(torch.autograd.Function):
    """Every output channel sees the input channel of its number.

    Here the kernel is gathered, not the map: for each pair of an output and an input pixel the
    tap that joins them, or 0.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, view: View) -> Tensor:
        rows, joints = _as_rows(x), _joints(weight, view)
        ctx.save_for_backward(rows, joints)
        ctx.view, ctx.maps, ctx.kernel = view, x.shape, weight.shape
        maps, out = _empty_maps(x, len(weight), view)
        torch.sum(rows.unsqueeze(1) * joints, 2, out=out.unflatten(0, (len(x), -1)))
        if bias is not None:
            out += bias
        return maps

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, joints = ctx.saved_tensors
        above = _as_rows(gradients[0]).unsqueeze(2)
        below = own = None
        if ctx.needs_input_grad[0]:
            below = (above * joints).sum(1).view(len(rows), *ctx.maps[2:], -1).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[1]:
            pairs = (above * rows.unsqueeze(1)).sum(0).flatten(0, 1)
            own = (ctx.view.joining.to(pairs.dtype) @ pairs).t().reshape(ctx.kernel)
        return below, own, above.sum((0, 1, 2)) if ctx.needs_input_grad[2] else None, None


def _joints(weight: Tensor, view: View) -> Tensor:
    """[C, 1, kh, kw] -> [P, input pixels, C]: the tap that joins each two pixels, or 0."""
    taps = F.pad(weight.flatten(1).t(), (0, 0, 0, 1))
    return taps.index_select(0, view.joint).unflatten(0, (-1, view.pixels))


def _gathered(x: Tensor, view: View) -> Tensor:
    """[N, C, H, W] -> [N x P, K x C]: what the taps see, zeros for the padding."""
    padded = F.pad(_as_rows(x), (0, 0, 0, 1))
    return padded.index_select(1, view.seen).view(len(x) * view.size[0] * view.size[1], -1)


def _seeing(weight: Tensor, view: View) -> Tensor:
    """[O, I, kh, kw] -> [O, K, I]: the taps that see any pixel."""
    taps = weight.permute(0, 2, 3, 1).flatten(1, 2)
    return taps if len(view.taps) == view.total else taps[:, view.taps]


def _empty_maps(x: Tensor, channels: int, view: View) -> tuple[Tensor, Tensor]:
    """[N, O, H, W], channels last in memory, to be filled through the same as rows [N x P, O].

    A function of autograd may not return a view if layers after it are to work in place.
    """
    shape, order = (len(x), channels, *view.size), torch.channels_last
    maps = torch.empty(shape, dtype=x.dtype, memory_format=order)
    return maps, maps.permute(0, 2, 3, 1).flatten(0, 2)


def _as_rows(maps: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, H x W, C]."""
    return maps.permute(0, 2, 3, 1).flatten(1, 2)


def _scattered(gradient: Tensor, ctx: Any) -> Tensor:
    """Gradient [N x P, K x C] of what the taps saw -> that of the maps."""
    count, channels, height, width = ctx.maps
    summed = ctx.view.spread.to(gradient.dtype) @ gradient.view(count, -1, channels)
    return summed.view(count, height, width, channels).permute(0, 3, 1, 2)


def _whole(gradient: Tensor, ctx: Any) -> Tensor:
    """Gradient [O, K, I] of the taps that see any pixel -> [O, I, kh, kw], zeros for the others."""
    outputs, inputs, height, width = ctx.kernel
    if len(ctx.view.taps) < ctx.view.total:
        whole = gradient.new_zeros(outputs, ctx.view.total, inputs)
        whole[:, ctx.view.taps] = gradient
        gradient = whole
    return gradient.reshape(outputs, height, width, inputs).permute(0, 3, 1, 2)
