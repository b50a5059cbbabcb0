"""Instance normalisation that keeps the channels_last order of its input on a CPU.

PyTorch's own copies such an input to the other order, and the result back. Group normalisation
with a channel a group does not, but takes the variance as the mean of squares less the square of
the mean, which in float32 is noise for a nearly constant channel, such as a map of one class gives.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def instance_norm(x: Tensor, eps: float) -> Tensor:
    """x [N, C, H, W] less its mean, over its deviation, of each channel of each image.

    Returns channels_last. On a CPU under autocast it is computed in float32, and there are no
    second derivatives: asking for them is a RuntimeError.
    """
    if x.device.type == "cpu":
        normalised: Tensor = _ChannelsLast.apply(x, eps)
        return normalised
    return F.instance_norm(x, eps=eps).contiguous(memory_format=torch.channels_last)


class _ChannelsLast(torch.autograd.Function):
    """Means over pixels are products with a row of 1 / (H W): sums along columns, in blocks."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        pixels = _rows(x)
        row = pixels.new_full((len(x), 1, pixels.shape[1]), 1 / pixels.shape[1])
        centred = pixels - torch.bmm(row, pixels)
        scale = torch.bmm(row, centred * centred).add_(eps).rsqrt_()
        normalised = centred.mul_(scale)
        ctx.save_for_backward(normalised, scale, row)
        return _image(normalised, x)

    @staticmethod
    @once_differentiable  # what is saved is no input: second derivatives would be wrong
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        normalised, scale, row = ctx.saved_tensors
        with torch.autocast("cpu", enabled=False):
            pixels = _rows(gradients[0])
            along = torch.bmm(row, pixels * normalised)
            change = torch.addcmul(pixels - torch.bmm(row, pixels), normalised, along, value=-1)
            return _image(change.mul_(scale), gradients[0]), None


def _rows(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, H W, C], without a copy where x is channels_last."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def _image(pixels: Tensor, like: Tensor) -> Tensor:
    """[N, H W, C] -> [N, C, H, W], channels_last."""
    return pixels.unflatten(1, tuple(like.shape[2:])).permute(0, 3, 1, 2)
