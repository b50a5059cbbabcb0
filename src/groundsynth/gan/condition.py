"""What conditions an image: a map, and numbers that are the same at every pixel of it.

Together they are one stack of channels, in which the numbers would be constant planes. A
convolution of a constant plane takes one value everywhere but at the borders, where the padding
cuts the kernel. It is computed once for each place of the kernel, instead of at every pixel: for
64 numbers beside 7 classes that is a tenth of the work.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


class Condition:
    """Maps [N, C, H, W], with the planes of ``constants`` [N, L] after the first ``place`` maps."""

    def __init__(self, maps: Tensor, constants: Tensor | None = None, place: int = 0) -> None:
        self.maps = maps.contiguous(memory_format=torch.channels_last)
        self.constants, self.place = constants, place
        self.resized: dict[tuple[int, int], Tensor] = {}

    def at(self, size: tuple[int, int]) -> Tensor:
        """The maps at another size [N, C, h, w], by nearest neighbour; each size is made once."""
        if size not in self.resized:
            self.resized[size] = F.interpolate(self.maps, size=size, mode="nearest")
        return self.resized[size]

    def convolve(self, conv: Any, size: tuple[int, int]) -> Tensor:
        """All channels at ``size`` convolved by a layer ``conv`` (nn.Conv2d) whose padding keeps
        the size: [N, out, h, w]."""
        maps = self.at(size)
        if self.constants is None:
            return F.conv2d(maps, conv.weight, conv.bias, padding=conv.padding)
        end = self.place + self.constants.shape[1]
        weight = torch.cat([conv.weight[:, : self.place], conv.weight[:, end:]], 1)
        convolved = F.conv2d(maps, weight, conv.bias, padding=conv.padding)
        planes = convolve_constants(self.constants, conv.weight[:, self.place : end], size)
        return convolved + planes.to(convolved.dtype)


def convolve_constants(constants: Tensor, weight: Tensor, size: tuple[int, int]) -> Tensor:
    """Zero-padded convolution of constant planes [N, L] with ``weight`` [out, L, k, k], k odd.

    Returns [N, out, h, w] for ``size`` (h, w). An image of the kernel's size shows every case: the
    middle row stands for all rows that the padding does not reach, and so do columns.
    """
    kernel = weight.shape[-1]
    small = [min(side, kernel) for side in size]
    planes = constants[:, :, None, None].expand(-1, -1, *small)
    cases = F.conv2d(planes, weight.to(constants.dtype), padding=kernel // 2)
    cases = cases.permute(0, 2, 3, 1).contiguous()  # rows of channels are copied whole
    for axis, side in enumerate(size, start=1):
        if side > kernel:
            cases = cases.index_select(axis, _cases(side, kernel, cases.device))
    return cases.permute(0, 3, 1, 2)


def _cases(side: int, kernel: int, device: torch.device) -> Tensor:
    """For each of ``side`` rows, the row of the small image that has the same surroundings."""
    row = torch.arange(side, device=device)
    reach = kernel // 2
    return row.clamp(max=reach) + (row - (side - 1 - reach)).clamp(min=0)
