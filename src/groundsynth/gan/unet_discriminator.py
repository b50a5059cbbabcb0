"""U-Net discriminator: one judgement for each pixel and one for the image (Schönfeld et al. 2020).

Module and parameter names are those of published U-Net GAN models, so that their weights load.
For a conditional generator the one-hot map is concatenated to the image (``semantic_nc``).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from groundsynth.errors import ConfigurationError
from groundsynth.gan.spectral import NormalisedConv2d, NormalisedEmbedding, NormalisedLinear

DOWN_WIDTHS = {
    16: (1, 2),
    32: (1, 2, 4),
    64: (1, 2, 4, 8),
    128: (1, 2, 4, 8, 16),
    256: (1, 2, 4, 8, 8, 16),
}
"""Channels of the encoder's blocks as multiples of ``D_ch``; 128 and 256 px are published."""


class DownBlock(nn.Module):
    """Two convolutions and average pooling, beside a 1 x 1 shortcut."""

    def __init__(self, c_in: int, c_out: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.conv1 = NormalisedConv2d(c_in, c_out, 3)
        self.conv2 = NormalisedConv2d(c_out, c_out, 3)
        self.conv_sc = NormalisedConv2d(c_in, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, c_in, H, W] -> [N, c_out, H/2, W/2]."""
        h = self.conv1(x if self.first else F.relu(x))
        h = F.avg_pool2d(self.conv2(F.relu(h)), 2)
        if self.first:
            return h + self.conv_sc(F.avg_pool2d(x, 2))
        return h + F.avg_pool2d(self.conv_sc(x), 2)


class UpBlock(nn.Module):
    """Doubling and two convolutions, beside a 1 x 1 shortcut."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv1 = NormalisedConv2d(c_in, c_out, 3)
        self.conv2 = NormalisedConv2d(c_out, c_out, 3)
        self.conv_sc = NormalisedConv2d(c_in, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, c_in, H, W] -> [N, c_out, 2H, 2W]."""
        h = self.conv1(_double(F.relu(x)))
        return self.conv2(F.relu(h)) + self.conv_sc(_double(x))


class Discriminator(nn.Module):
    """Image [N, 3, R, R] -> judgement of each pixel [N, 1, R, R] and of the image [N, 1] (logits).

    ``resolution`` R is 16, 32, 64, 128 or 256 px and ``D_ch`` the smallest number of channels.
    With ``unconditional`` false the class labels enter by projection, ``n_classes`` of them; with
    ``semantic_nc`` > 0 a one-hot map is concatenated to the image. ``D_attn`` must be ``"0"``:
    attention is not offered. Raises ConfigurationError for another resolution or attention.
    """

    def __init__(
        self,
        resolution: int = 256,
        D_ch: int = 64,
        n_classes: int = 1000,
        unconditional: bool = True,
        semantic_nc: int = 0,
        D_attn: str = "0",
    ) -> None:
        super().__init__()
        if resolution not in DOWN_WIDTHS or D_attn != "0":
            raise ConfigurationError(
                f"There is no U-Net discriminator for {resolution} px with attention {D_attn}; it "
                f"takes {', '.join(map(str, DOWN_WIDTHS))} px and no attention."
            )
        down = [D_ch * width for width in DOWN_WIDTHS[resolution]]
        up = [*reversed(down[:-1]), D_ch]
        self.depth = len(down)
        self.semantic_nc = semantic_nc
        self.unconditional = unconditional
        self.blocks = nn.ModuleList(encoder(3 + semantic_nc, down) + decoder(down, up))
        self.blocks.append(nn.Conv2d(up[-1], 1, 1))
        self.linear = NormalisedLinear(up[-1], 1)  # without use, but part of published weights
        self.linear_middle = NormalisedLinear(down[-1], 1)
        if not unconditional:
            self.embed_middle = NormalisedEmbedding(n_classes, down[-1])
            self.embed = NormalisedEmbedding(n_classes, up[-1])

    def forward(
        self, x: Tensor, y: Tensor | None = None, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Images, class labels [N] (projection) and one-hot maps (concatenation) -> logits."""
        return self.judge(x, y, condition)[:2]

    def judge(
        self, x: Tensor, y: Tensor | None = None, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """As ``forward``, and the output of every block, for feature matching."""
        x = x if condition is None else torch.cat([x, condition], 1)
        features = [x.contiguous(memory_format=torch.channels_last)]
        for block in self.blocks[: self.depth]:
            features.append(block(features[-1]))
        middle = F.relu(features[-1]).sum((2, 3))
        logit = self.linear_middle(middle)
        h = features[-1]
        for n, block in enumerate(self.blocks[self.depth : -1]):
            h = block(h if n == 0 else torch.cat([h, features[self.depth - n]], 1))
            features.append(h)
        pixels = self.blocks[-1](h)
        if not self.unconditional:
            logit = logit + (self.embed_middle(y) * middle).sum(1, keepdim=True)
            pixels = pixels + (self.embed(y)[:, :, None, None] * h).sum(1, keepdim=True)
        return pixels, logit, features[1:]


def encoder(c_in: int, widths: list[int]) -> list[nn.Module]:
    """Down blocks of the given widths, each half the size of the one before."""
    pairs = zip([c_in, *widths[:-1]], widths, strict=True)
    return [nn.Sequential(DownBlock(a, b, first=n == 0)) for n, (a, b) in enumerate(pairs)]


def decoder(down: list[int], up: list[int]) -> list[nn.Module]:
    """Up blocks; from the second on, the mirrored down block's output is concatenated."""
    inputs = [down[-1]] + [2 * width for width in up[:-1]]
    return [nn.Sequential(UpBlock(a, b)) for a, b in zip(inputs, up, strict=True)]


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def cutmix_masks(count: int, size: int, device: torch.device) -> Tensor:
    """Random rectangles [count, 1, size, size] of zeros in ones, or the reverse (section 3.2).

    The share of ones is uniform in 0..1: the rectangle's area is a uniform draw, its shape that
    of the image, its place uniform.
    """
    area, inverted, *place = torch.rand(4, count, device=device)
    side = (size * area.sqrt()).round()
    top, left = ((size - side) * draw for draw in place)
    line = torch.arange(size, device=device)
    rows = (line >= top[:, None].round()) & (line < (top.round() + side)[:, None])
    columns = (line >= left[:, None].round()) & (line < (left.round() + side)[:, None])
    inside = (rows[:, :, None] & columns[:, None, :])[:, None]
    return (inside == (inverted < 0.5)[:, None, None, None]).float()


def mix(mask: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """``first`` where the mask is 1, ``second`` where it is 0 (all [N, *, R, R])."""
    return torch.lerp(second, first, mask)
