"""A discriminator that segments: K classes of real pixels, and one of generated ones.

Sushko, Schönfeld et al. 2021 (OASIS, arXiv 2012.04781), section 3.1 and appendix: an encoder and
a decoder of residual blocks with skips between them. It sees the image alone; that a generated
image obeys its map is judged by the class that each of its pixels is taken for.
"""

from __future__ import annotations

from math import log2

import torch
from torch import Tensor, nn

from groundsynth.errors import ConfigurationError
from groundsynth.gan.unet_discriminator import decoder, encoder

WIDTHS = (2, 2, 4, 4, 8, 8)
"""Channels of the encoder's blocks as multiples of ``channels``, from full resolution on."""

SMALLEST = 4
"""Width in pixels of the innermost feature map."""


class Discriminator(nn.Module):
    """Image [N, 3, R, R] -> logits [N, classes + 1, R, R]; the last channel means generated.

    ``resolution`` R is a power of two from 8 to 256 px; each doubling adds a block to encoder and
    decoder. ``channels`` is the width of the decoder's last block (64 in the paper). Raises
    ConfigurationError for another resolution.
    """

    def __init__(self, resolution: int, channels: int, classes: int) -> None:
        super().__init__()
        depth = int(log2(resolution / SMALLEST))
        if not 1 <= depth <= len(WIDTHS) or SMALLEST * 2**depth != resolution:
            raise ConfigurationError(
                f"There is no segmentation discriminator for {resolution} px; it takes a power of "
                f"two from {2 * SMALLEST} to {SMALLEST * 2 ** len(WIDTHS)} px."
            )
        down = [channels * width for width in WIDTHS[:depth]]
        up = [*reversed(down[:-1]), channels]
        self.classes = classes
        self.down = nn.ModuleList(encoder(3, down))
        self.up = nn.ModuleList(decoder(down, up))
        self.head = nn.Conv2d(channels, classes + 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of every pixel."""
        skips = [x.contiguous(memory_format=torch.channels_last)]
        for block in self.down:
            skips.append(block(skips[-1]))
        x = skips.pop()
        for n, block in enumerate(self.up):
            x = block(x if n == 0 else torch.cat([x, skips.pop()], 1))
        return self.head(x)


def label_mix_masks(masks: Tensor, draws: Tensor) -> Tensor:
    """Masks [N, 1, H, W] of zeros and ones that are constant on each class of each map.

    ``masks`` are class indices uint8 [N, H, W], 255 unlabelled, ``draws`` uniform numbers
    [N, K + 1]: each class of each map is real (1) with probability a half, and so are its
    unlabelled pixels (LabelMix, section 3.2).
    """
    index = masks.long().clamp(max=draws.shape[1] - 1).flatten(1)
    return (draws < 0.5).float().gather(1, index).view(len(masks), 1, *masks.shape[1:])
