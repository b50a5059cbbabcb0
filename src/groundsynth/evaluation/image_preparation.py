"""Preparation of images for a pretrained network: resizing, crop, mean and deviation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from groundsynth.errors import ConfigurationError


@dataclass(frozen=True)
class ImagePreparation:
    """Size, mean and standard deviation (of RGB in 0..1), interpolation and way of resizing."""

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    resize_mode: str


def prepare_images(images: torch.Tensor, preparation: ImagePreparation) -> torch.Tensor:
    """uint8 [N, H, W, 3] -> float32 [N, 3, size, size], as the model's own preparation does.

    Resizing with antialias, each of its two passes rounded to 8 bit, centre crop, then mean and
    deviation: equal to open_clip's and timm's transforms of PIL images but for a grey level of
    rounding.
    """
    pixels = images.permute(0, 3, 1, 2).float()
    height, width = pixels.shape[-2:]
    rows, columns = _resized(height, width, preparation)
    for size in ((height, columns), (rows, columns)):  # along rows, then along columns
        if size != tuple(pixels.shape[-2:]):
            mode = preparation.interpolation
            pixels = functional.interpolate(pixels, size=size, mode=mode, antialias=True)
            pixels = pixels.round().clamp(0, 255)
    top = round((rows - preparation.size[0]) / 2)
    left = round((columns - preparation.size[1]) / 2)
    pixels = pixels[..., top : top + preparation.size[0], left : left + preparation.size[1]]
    mean = torch.tensor(preparation.mean, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(preparation.std, device=pixels.device).view(3, 1, 1)
    return (pixels / 255 - mean) / std


def _resized(height: int, width: int, preparation: ImagePreparation) -> tuple[int, int]:
    rows, columns = preparation.size
    if preparation.resize_mode == "squash" or (height == width and rows == columns):
        return rows, columns
    if preparation.resize_mode != "shortest" or rows != columns:
        raise ConfigurationError(
            f"Images of {height} x {width} pixels cannot be prepared for this model "
            f"({preparation.resize_mode} to {rows} x {columns}); use square patches."
        )
    short = min(height, width)
    return int(rows * height / short), int(rows * width / short)
