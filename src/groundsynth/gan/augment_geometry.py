"""Geometric part of adaptive augmentation: pixel-exact plane transforms with little aliasing.

Matrices are homogeneous, [N, 3, 3], in pixel units around the image centre, x to the right and y
downwards. Source: Karras et al. 2020 (Training Generative Adversarial Networks with Limited
Data, appendix B).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from groundsynth.gan.ops import upfirdn2d, upsample2d

# Low-pass decomposition filter of the sym6 wavelet (Daubechies 1992), as in PyWavelets.
SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)


class _Sample(torch.autograd.Function):
    """Images [N, C, H, W] read bilinearly at ``grid`` [N, h, w, 2], black outside.

    Linear in the images, so its adjoint ``_Scatter`` and itself are all derivatives; R1 through
    the augmentation needs the second, which PyTorch's own operator has only in late versions.
    """

    @staticmethod
    def forward(images: Tensor, grid: Tensor) -> Tensor:
        return F.grid_sample(
            images, grid, mode="bilinear", padding_mode="zeros", align_corners=False
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.size = inputs[0].shape
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _Scatter.apply(gradients[0], ctx.saved_tensors[0], ctx.size), None


class _Scatter(torch.autograd.Function):
    """Transpose of ``_Sample``: values [N, C, h, w] added to images of ``size`` at ``grid``."""

    @staticmethod
    def forward(values: Tensor, grid: Tensor, size: torch.Size) -> Tensor:
        # Only the shape of this argument matters for the gradient of the images.
        images = values.new_zeros([1]).expand(size)
        backward = torch.ops.aten.grid_sampler_2d_backward
        bilinear, zeros = 0, 0
        return backward(values, images, grid, bilinear, zeros, False, [True, False])[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _Sample.apply(gradients[0], ctx.saved_tensors[0]), None, None


def matrix(rows: list[list[Tensor | float]], like: Tensor) -> Tensor:
    """[N, rows, columns] from entries that are numbers or tensors [N]; ``like`` gives N."""
    one = torch.ones_like(like, dtype=torch.float32)
    return torch.stack([torch.stack([one * entry for entry in row], -1) for row in rows], -2)


def translation(x: Tensor, y: Tensor) -> Tensor:
    """Shift by (x, y), each [N]."""
    return matrix([[1, 0, x], [0, 1, y], [0, 0, 1]], like=x)


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """Stretch by x and y, each [N]."""
    return matrix([[x, 0, 0], [0, y, 0], [0, 0, 1]], like=x)


def rotation(angle: Tensor) -> Tensor:
    """Turn by ``angle`` [N] in radians, from the x axis to the y axis."""
    sin, cos = angle.sin(), angle.cos()
    return matrix([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], like=angle)


def warp(images: Tensor, inverse: Tensor, wavelet: Tensor) -> Tensor:
    """Images [N, C, H, W] resampled at ``inverse`` [N, 3, 3] times each output position.

    Mirrors the image beyond its edge as far as any transform of the batch reaches, doubles the
    resolution, samples bilinearly, and halves it again; both filters are ``wavelet`` [taps].
    """
    height, width = images.shape[2:]
    border = len(wavelet) // 4  # source pixels that the downsampling filter needs at each side
    left, top, right, bottom = _margins(inverse, width, height, border)
    images = F.pad(images, [left, right, top, bottom], mode="reflect")
    if not images.is_cuda:  # CPUs filter few channels several times faster in this order
        images = images.contiguous(memory_format=torch.channels_last)
    images = upsample2d(images, wavelet, up=2)
    size = [(height + 2 * border) * 2, (width + 2 * border) * 2]
    # Unit square of the output to pixels, the transform, pixels to the unit square of the input.
    to_pixels = _diagonal(size[1] / 2, size[0] / 2).to(inverse)
    to_unit = _diagonal(2 / images.shape[3], 2 / images.shape[2]).to(inverse)
    # Doubling moves the centre of the pixel grid by half a pixel of the finer grid.
    finer = _shift(-0.5, -0.5) @ _diagonal(2, 2) @ _shift((left - right) / 2, (top - bottom) / 2)
    coarser = _diagonal(0.5, 0.5) @ _shift(0.5, 0.5)
    theta = to_unit @ finer.to(inverse) @ inverse @ coarser.to(inverse) @ to_pixels
    grid = F.affine_grid(theta[:, :2], [*images.shape[:2], *size], align_corners=False)
    images = _Sample.apply(images, grid)
    before, after = (len(wavelet) - 1) // 2 - 2 * border, (len(wavelet) - 2) // 2 - 2 * border
    return upfirdn2d(images, wavelet, down=2, padding=[before, after] * 2, flip_filter=True)


def _margins(inverse: Tensor, width: int, height: int, border: int) -> list[int]:
    """Pixels (left, top, right, bottom) that the transformed corners reach beyond the image."""
    x, y = (width - 1) / 2, (height - 1) / 2
    corners = torch.tensor([[-x, x, x, -x], [-y, -y, y, y], [1, 1, 1, 1]]).to(inverse)
    reached = (inverse @ corners)[:, :2].transpose(0, 1).flatten(1)
    centre = torch.tensor([x, y, x, y]).to(inverse)
    margins = torch.cat([-reached, reached]).amax(dim=1) + 2 * border - centre
    margins = margins.clamp(min=0).minimum(2 * centre)
    return [math.ceil(margin) for margin in margins.tolist()]


def _shift(x: float, y: float) -> Tensor:
    return torch.tensor([[1, 0, x], [0, 1, y], [0, 0, 1]])


def _diagonal(x: float, y: float) -> Tensor:
    return torch.diag(torch.tensor([x, y, 1.0]))
