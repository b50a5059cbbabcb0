"""Colour, frequency-band and cutout parts of adaptive augmentation.

Source: Karras et al. 2020 (Training Generative Adversarial Networks with Limited Data,
appendix B).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# Low-pass decomposition filter of the sym2 wavelet (Daubechies 1992), as in PyWavelets.
SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
# Share of each band in the power of natural images, whose spectrum falls as 1 / f.
EXPECTED_POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)


def luma_axis(device: torch.device) -> Tensor:
    """Unit vector [4] along grey in homogeneous RGB."""
    return torch.tensor([1.0, 1.0, 1.0, 0.0], device=device) / math.sqrt(3)


def color_shift(amount: Tensor) -> Tensor:
    """[N, 4, 4] that adds ``amount`` [N] to all channels."""
    result = torch.eye(4, device=amount.device).repeat(len(amount), 1, 1)
    result[:, :3, 3] = amount[:, None]
    return result


def color_scale(factor: Tensor) -> Tensor:
    """[N, 4, 4] that multiplies all channels by ``factor`` [N]."""
    return torch.diag_embed(torch.stack([factor, factor, factor, torch.ones_like(factor)], dim=-1))


def hue_rotation(angle: Tensor) -> Tensor:
    """[N, 4, 4] that turns colours about the grey axis by ``angle`` [N] (Rodrigues' formula)."""
    v = luma_axis(angle.device)[:3]
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=angle.device)
    cross = cross / math.sqrt(3)
    sin, cos = angle.sin()[:, None, None], angle.cos()[:, None, None]
    turn = cos * torch.eye(3, device=angle.device) + sin * cross + (1 - cos) * torch.outer(v, v)
    result = torch.eye(4, device=angle.device).repeat(len(angle), 1, 1)
    result[:, :3, :3] = turn
    return result


def transform_colors(images: Tensor, transform: Tensor) -> Tensor:
    """Images [N, 3 or 1, H, W] under [N, 4, 4]; a grey image gets the mean of the rows."""
    channels = images.shape[1]
    if channels == 3:
        pixels = transform[:, :3, :3] @ images.flatten(2) + transform[:, :3, 3:]
        return pixels.reshape(images.shape)
    if channels == 1:
        rows = transform[:, :3].mean(dim=1)
        return images * rows[:, :3].sum(dim=1)[:, None, None, None] + rows[:, 3, None, None, None]
    raise ValueError(f"Colour augmentation takes 1 or 3 channels, not {channels}.")


def filter_bank() -> Tensor:
    """Four bands [4, taps] of a dyadic decomposition, lowest first, that sum to an impulse."""
    low = np.array(SYM2)
    high = low * (-1.0) ** np.arange(len(low))
    low, high = (np.convolve(taps, taps[::-1]) / 2 for taps in (low, high))
    bands = np.eye(4, 1)
    for i in range(1, 4):
        stretched = np.zeros([4, 2 * bands.shape[1] - 1])
        stretched[:, ::2] = bands
        bands = np.stack([np.convolve(band, low) for band in stretched])
        start = (bands.shape[1] - len(high)) // 2
        bands[i, start : start + len(high)] += high
    return torch.as_tensor(bands, dtype=torch.float32)


def filter_bands(images: Tensor, gains: Tensor, bank: Tensor) -> Tensor:
    """Images [N, C, H, W] with band b of sample n amplified by ``gains`` [N, 4], edges mirrored."""
    batch, channels, height, width = images.shape
    taps = (gains @ bank).repeat_interleave(channels, dim=0)[:, None, None, :]
    reach = bank.shape[1] // 2
    x = images.reshape(1, batch * channels, height, width)
    x = F.pad(x, [reach] * 4, mode="reflect")
    x = F.conv2d(x, taps, groups=batch * channels)
    x = F.conv2d(x, taps.transpose(2, 3), groups=batch * channels)
    return x.reshape(images.shape)


def cut_out(images: Tensor, centre: Tensor, size: Tensor) -> Tensor:
    """Images with a black rectangle: ``centre`` and ``size`` [N, 2] as fractions, x then y."""
    height, width = images.shape[2:]
    x = (torch.arange(width, device=images.device) + 0.5) / width
    y = (torch.arange(height, device=images.device) + 0.5) / height
    outside_x = (x - centre[:, :1]).abs() >= size[:, :1] / 2
    outside_y = (y - centre[:, 1:]).abs() >= size[:, 1:] / 2
    return images * (outside_x[:, None, None, :] | outside_y[:, None, :, None])
