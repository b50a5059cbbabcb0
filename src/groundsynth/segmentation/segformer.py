"""Segformer (Xie et al. 2021) with its stages fused before they are enlarged.

The decoder of segmentation-models-pytorch enlarges each stage, joins them all, and fuses them by
a convolution over single pixels. Such a convolution and the enlarging, which weighs pixels alike
in every channel, can be exchanged: fused first, a small stage costs what its own pixels cost, and
the joined stages (1,280 channels at a quarter of the image's side) never lie in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import segmentation_models_pytorch as smp
import torch.nn.functional as F
from segmentation_models_pytorch.decoders.segformer.decoder import SegformerDecoder
from torch import Tensor


class Segformer(smp.Segformer):
    """The library's model: the same parameters under the same names, the same logits."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.decoder.__class__ = FusingDecoder  # it adds no state, so no parameter is drawn anew


class FusingDecoder(SegformerDecoder):
    """Features of the encoder's stages -> float [N, C, H / 4, W / 4]."""

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Fuse each stage's share and add them up at a quarter of the image's side."""
        size = [side // 4 for side in features[0].shape[2:]]
        stages = [feature for feature in features[1:] if feature.shape[1]][::-1]
        fuse, norm, activation = self.fuse_stage
        shares = fuse.weight.chunk(len(self.mlp_stage), dim=1)
        parts = [
            _fused(project(stage), share, size)
            for stage, project, share in zip(stages, self.mlp_stage, shares, strict=False)
        ]
        result: Tensor = activation(norm(sum(parts[1:], parts[0])))
        return result


def _fused(x: Tensor, weight: Tensor, size: list[int]) -> Tensor:
    """``x`` at ``size`` and times ``weight`` [C, C, 1, 1], in the order that costs less."""
    if x.shape[2] * x.shape[3] < size[0] * size[1]:
        return _resized(F.conv2d(x, weight), size)
    return F.conv2d(_resized(x, size), weight)


def _resized(x: Tensor, size: list[int]) -> Tensor:
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
