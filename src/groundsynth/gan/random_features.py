"""Image features of a fixed network with random weights, for distances during a training.

Distances in such features follow the quality of samples without any weights to fetch (Naeem et
al. 2020, Reliable Fidelity and Diversity Metrics for Generative Models, section 3). They compare
states of one training; the figures of the evaluation come from a trained encoder.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NAME = "random convolutions 1"
"""Kind and version of the features, as it stands beside every distance."""

WIDTHS = (16, 32, 64)
SIZE = 2 * sum(WIDTHS)
SEED = 0


class RandomFeatures(nn.Module):
    """Mean and deviation of each channel of three convolutions: [N, 3, R, R] to [N, SIZE]."""

    def __init__(self) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(SEED)
        for n, (before, after) in enumerate(zip((3, *WIDTHS), WIDTHS, strict=False)):
            weight = torch.randn(after, before, 3, 3, generator=draw)
            self.register_buffer(f"weight{n}", weight * math.sqrt(2 / (9 * before)))

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Features of images in [-1, 1], float32."""
        x, found = images.float(), []
        for weight in self.buffers():
            x = F.leaky_relu(F.conv2d(x, weight, stride=2, padding=1), 0.2)
            deviation, mean = torch.std_mean(x, dim=(2, 3), correction=0)
            found += [mean, deviation]
        return torch.cat(found, dim=1)
