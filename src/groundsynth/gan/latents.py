"""Latent vectors and pixel values: one sample has one seed, whatever batch it is made in."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor


def latents(seeds: Iterable[int], size: int) -> Tensor:
    """Standard normal float32 [N, size]; row n follows from its seed (0 to 2^32 - 1) alone.

    The draw is that of the published StyleGAN sampling script, so that a seed means the same
    image for the same weights. NumPy promises never to change this generator.
    """
    rows = [np.random.RandomState(seed).randn(size) for seed in seeds]
    return torch.from_numpy(np.stack(rows).astype(np.float32))


def to_pixels(images: Tensor) -> np.ndarray:
    """Float images [N, 3, H, W] in [-1, 1] -> uint8 [N, H, W, 3], clipped and rounded."""
    values = (images.float() * 127.5 + 128).clamp(0, 255)
    pixels: np.ndarray = values.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return pixels
