"""PatchGAN: one judgement for each patch of an image, at one or several scales (Wang et al. 2018).

Strided convolutions with instance normalisation, as SPADE uses them (Park et al. 2019, appendix
A); the one-hot map is concatenated to the image. SPADE judges at two scales; a single one is the
form of pix2pix (Isola et al. 2017).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAYERS = 4
"""Convolutions before the one that judges (Park et al. 2019); the last of them keeps the size."""

WIDEST = 8
"""Largest number of channels as a multiple of the first layer's."""


class PatchJudge(nn.ModuleList):
    """The discriminator of one scale: a list of layers whose outputs are all of use."""

    def __init__(self, c_in: int, channels: int) -> None:
        widths = [channels * min(2**n, WIDEST) for n in range(LAYERS)]
        layers: list[nn.Module] = [nn.Sequential(_conv(c_in, channels, 2), nn.LeakyReLU(0.2))]
        for n in range(1, LAYERS):
            stride = 1 if n == LAYERS - 1 else 2
            conv = _conv(widths[n - 1], widths[n], stride)
            layers.append(
                nn.Sequential(conv, nn.InstanceNorm2d(widths[n], affine=False), nn.LeakyReLU(0.2))
            )
        super().__init__([*layers, _conv(widths[-1], 1, 1)])

    def forward(self, x: Tensor) -> list[Tensor]:
        """[N, c_in, H, W] -> the output of each layer; the last is the map of logits [N, 1, *]."""
        outputs = []
        for layer in self:
            x = layer(x)
            outputs.append(x)
        return outputs


class Discriminator(nn.Module):
    """Image [N, 3, H, W] and one-hot map [N, semantic_nc, H, W] -> maps of logits, one a scale.

    ``channels`` is the width of the first layer. Every scale but the first sees image and map at
    half the size of the one before. A patch is judged from 70 x 70 pixels of its scale.
    """

    def __init__(self, channels: int = 64, semantic_nc: int = 0, scales: int = 1) -> None:
        super().__init__()
        self.judges = nn.ModuleList([PatchJudge(3 + semantic_nc, channels) for _ in range(scales)])

    def forward(self, x: Tensor, condition: Tensor | None = None) -> list[Tensor]:
        """The maps of logits, one a scale."""
        return self.judge(x, condition)[0]

    def judge(
        self, x: Tensor, condition: Tensor | None = None
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The maps of logits, and the outputs of all layers before, for feature matching."""
        x = x if condition is None else torch.cat([x, condition], 1)
        x = x.contiguous(memory_format=torch.channels_last)
        logits, features = [], []
        for n, judge in enumerate(self.judges):
            if n:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            *inner, last = judge(x)
            logits.append(last)
            features += inner
        return logits, features


def _conv(c_in: int, c_out: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 4, stride=stride, padding=2)
