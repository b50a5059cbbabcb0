"""FIR resampling of images: up-, down- and re-sampling convolutions in plain PyTorch.

Terms follow Karras et al. 2021 (Alias-Free GAN, appendix) and the multirate literature:
insert zeros, pad, filter, keep every n-th sample. Filters are constants; gradients of any order
exist for everything else.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from groundsynth.gan.convolution import convolve
from groundsynth.gan.resampling import leave_equal_padding, resample

Pair = int | Sequence[int]


def setup_filter(
    f: Tensor | Sequence[float] | Sequence[Sequence[float]] | float | None,
    device: torch.device | str = "cpu",
    normalize: bool = True,
    flip_filter: bool = False,
    gain: float = 1,
    separable: bool | None = None,
) -> Tensor:
    """FIR filter as a float32 tensor: [taps] (separable) or [height, width].

    A one-dimensional filter of fewer than 8 taps becomes its outer product, because one small
    two-dimensional pass then beats two passes; ``separable`` overrides that choice. ``None``
    is the identity. Raises ValueError for an empty filter or one of more than two dimensions.
    """
    taps = torch.as_tensor(1.0 if f is None else f, dtype=torch.float32, device=device)
    if taps.ndim > 2 or taps.numel() == 0:
        raise ValueError(f"A filter has 0, 1 or 2 dimensions and taps, not shape {taps.shape}.")
    if taps.ndim == 0:
        taps = taps[None]
    if separable is None:
        separable = taps.ndim == 1 and taps.numel() >= 8
    if taps.ndim == 1 and not separable:
        taps = torch.outer(taps, taps)
    if normalize:
        taps = taps / taps.sum()
    if flip_filter:
        taps = taps.flip(list(range(taps.ndim)))
    return taps * gain ** (taps.ndim / 2)


def upfirdn2d(
    x: Tensor,
    f: Tensor | None,
    up: Pair = 1,
    down: Pair = 1,
    padding: Pair = 0,
    flip_filter: bool = False,
    gain: float = 1,
) -> Tensor:
    """Upsample by zeros, pad or crop, filter, and keep every ``down``-th sample.

    ``x`` is [N, C, H, W]. ``up`` and ``down`` are one integer or (x, y); ``padding`` is one
    integer, (x, y) or (left, right, top, bottom) of the zero-stuffed image, negative to crop.
    ``f`` is [taps] (applied along both axes), [height, width] or None; with ``flip_filter``
    it is correlated, otherwise convolved. The output has, along each axis,
    (size * up + padding - taps) // down + 1 samples; ValueError if that is less than one.
    """
    if x.ndim != 4:
        raise ValueError(f"upfirdn2d takes images [N, C, H, W], not shape {tuple(x.shape)}.")
    up_x, up_y = _pair(up, "up")
    down_x, down_y = _pair(down, "down")
    left, right, top, bottom = _four_sides(padding)
    width, height = filter_size(f)
    if x.shape[3] * up_x + left + right < width or x.shape[2] * up_y + top + bottom < height:
        raise ValueError(
            f"After padding, images of {x.shape[3]} x {x.shape[2]} are smaller than the filter's "
            f"{width} x {height} taps."
        )
    kernel = x.new_ones([1, 1]) if f is None else f.to(x.dtype)
    if flip_filter:
        kernel = kernel.flip(list(range(kernel.ndim)))
    if kernel.ndim == 2:
        if gain != 1:
            kernel = kernel * gain
        return resample(x, kernel, (up_y, up_x), (down_y, down_x), (left, right, top, bottom))
    if gain != 1:
        kernel = kernel * gain**0.5
    x = resample(x, kernel[None, :], (1, up_x), (1, down_x), (left, right, 0, 0))
    return resample(x, kernel[:, None], (up_y, 1), (down_y, 1), (0, 0, top, bottom))


def upsample2d(x: Tensor, f: Tensor, up: int = 2) -> Tensor:
    """Enlarge [N, C, H, W] by ``up`` with filter ``f``, brightness and alignment kept."""
    width, height = filter_size(f)
    padding = [
        *((width + up - 1) // 2, (width - up) // 2),
        *((height + up - 1) // 2, (height - up) // 2),
    ]
    return upfirdn2d(x, f, up=up, padding=padding, gain=up**2)


def downsample2d(x: Tensor, f: Tensor, down: int = 2, flip_filter: bool = False) -> Tensor:
    """Shrink [N, C, H, W] by ``down`` with filter ``f``, brightness and alignment kept."""
    width, height = filter_size(f)
    padding = [
        *((width - down + 1) // 2, (width - down) // 2),
        *((height - down + 1) // 2, (height - down) // 2),
    ]
    return upfirdn2d(x, f, down=down, padding=padding, flip_filter=flip_filter)


def conv2d_resample(
    x: Tensor,
    w: Tensor,
    f: Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: Pair = 0,
    groups: int = 1,
    flip_weight: bool = True,
    flip_filter: bool = False,
) -> Tensor:
    """Convolution [N, C, H, W] * ``w`` [O, C / groups, kh, kw] with optional resampling.

    ``padding`` counts samples of the upsampled image. ``flip_weight=True`` correlates (as
    torch.conv2d does), False convolves. FIR filter and kernel commute, so the filter runs on
    whichever side has fewer samples or channels.
    """
    width, height = filter_size(f)
    alignment = (*_alignment(width, up, down), *_alignment(height, up, down))
    sides = [a + b for a, b in zip(_four_sides(padding), alignment, strict=True)]
    kh, kw = w.shape[2:]
    if flip_weight == (up > 1):  # transposed convolutions convolve, all others correlate
        w = w.flip([2, 3])
    if up == down == 1:
        x, own = leave_equal_padding(x, sides)
        return convolve(x, w, own, groups)
    if (kh, kw) == (1, 1) and down == 1:
        return upfirdn2d(F.conv2d(x, w, groups=groups), f, up, 1, sides, flip_filter, up**2)
    if (kh, kw) == (1, 1):
        return F.conv2d(upfirdn2d(x, f, up, down, sides, flip_filter, up**2), w, groups=groups)
    if up == 1:
        x = upfirdn2d(x, f, padding=sides, flip_filter=flip_filter)
        return F.conv2d(x, w, stride=down, groups=groups)
    x = F.conv_transpose2d(x, _transposed(w, groups), stride=up, groups=groups)
    sides = [sides[0] - kw + 1, sides[1] - kw + up, sides[2] - kh + 1, sides[3] - kh + up]
    return upfirdn2d(x, f, 1, down, sides, flip_filter, up**2)


def filter_size(f: Tensor | None) -> tuple[int, int]:
    """(width, height) of a filter in taps."""
    return (1, 1) if f is None else (f.shape[-1], f.shape[0])


def _alignment(taps: int, up: int, down: int) -> tuple[int, int]:
    """Padding before and after that keeps a filtered image centred (0.5 sample left for odd)."""
    before = after = 0
    if up > 1:
        before, after = before + (taps + up - 1) // 2, after + (taps - up) // 2
    if down > 1:
        before, after = before + (taps - down + 1) // 2, after + (taps - down) // 2
    return before, after


def _pair(value: Pair, name: str) -> tuple[int, int]:
    """(x, y) factors."""
    x, y = (value, value) if isinstance(value, int) else value
    if x < 1 or y < 1:
        raise ValueError(f"{name} is a factor of at least 1, not {value}.")
    return x, y


def _four_sides(padding: Pair) -> tuple[int, int, int, int]:
    """(left, right, top, bottom)."""
    sides = [padding] if isinstance(padding, int) else list(padding)
    if len(sides) == 1:
        sides = sides * 4
    elif len(sides) == 2:
        sides = [sides[0], sides[0], sides[1], sides[1]]
    if len(sides) != 4:
        raise ValueError(f"padding has 1, 2 or 4 numbers, not {len(sides)}.")
    return sides[0], sides[1], sides[2], sides[3]


def _transposed(w: Tensor, groups: int) -> Tensor:
    """Weight [O, C / groups, kh, kw] in the layout of conv_transpose2d: [C, O / groups, kh, kw]."""
    if groups == 1:
        return w.transpose(0, 1)
    w = w.unflatten(0, (groups, -1)).transpose(1, 2)
    return w.flatten(0, 1)
