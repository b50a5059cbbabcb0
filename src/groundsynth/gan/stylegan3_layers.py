"""Input and layers of the alias-free synthesis network (Karras et al. 2021, sections 2 and 3).

Images are treated as samples of band-limited signals on a plane whose unit square is the picture;
frequencies are in cycles per unit, sampling rates in samples per unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.signal
import scipy.special
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from groundsynth.gan.layers import FullyConnected, low_precision_dtype
from groundsynth.gan.modulated import modulated_conv2d
from groundsynth.gan.ops import filtered_lrelu


@dataclass(frozen=True)
class Signal:
    """What passes between two layers: [N, channels, size, size] at a sampling rate.

    ``cutoff`` is the highest frequency kept, ``half_width`` half the filter's transition band.
    """

    channels: int
    size: int
    sampling_rate: int
    cutoff: float
    half_width: float


def lowpass_filter(
    taps: int, cutoff: float, width: float, sampling_rate: float, radial: bool = False
) -> Tensor | None:
    """Kaiser-windowed low-pass filter with unit sum; None for one tap (the identity).

    [taps], or [taps, taps] when ``radial``: a jinc, which cuts off alike in all directions.
    """
    if taps == 1:
        return None
    if not radial:
        f = scipy.signal.firwin(taps, cutoff, width=width, fs=sampling_rate)
        return torch.as_tensor(f, dtype=torch.float32)
    position = (np.arange(taps) - (taps - 1) / 2) / sampling_rate
    # The centre of an odd filter takes the limit of j1(a r) / r for small r.
    radius = np.maximum(np.pi * np.hypot(position, position[:, None]), 1e-12)
    attenuation = scipy.signal.kaiser_atten(taps, width / (sampling_rate / 2))
    window = np.kaiser(taps, scipy.signal.kaiser_beta(attenuation))
    f = scipy.special.j1(2 * cutoff * radius) / radius * np.outer(window, window)
    return torch.as_tensor(f / f.sum(), dtype=torch.float32)


class SynthesisInput(nn.Module):
    """Sine features [N, C, size, size] on a plane that w may rotate and shift.

    ``transform`` [3, 3] is applied after the learned rotation and translation: the homogeneous
    matrix from picture coordinates to those of the plane. Set it to move all pictures.
    """

    freqs: Tensor
    phases: Tensor
    transform: Tensor

    def __init__(self, w_dim: int, signal: Signal) -> None:
        super().__init__()
        self.signal = signal
        freqs = torch.randn(signal.channels, 2)
        radii = freqs.norm(dim=1, keepdim=True)
        # Uniform over a disc instead of Gaussian: radii are pulled in by exp(r^2 / 4).
        freqs = freqs / (radii * (radii.square() / 4).exp()) * signal.cutoff
        self.register_buffer("freqs", freqs)
        self.register_buffer("phases", torch.rand(signal.channels) - 0.5)
        self.register_buffer("transform", torch.eye(3))
        self.weight = nn.Parameter(torch.randn(signal.channels, signal.channels))
        self.affine = FullyConnected(w_dim, 4)
        with torch.no_grad():
            self.affine.weight.zero_()
            self.affine.get_parameter("bias").copy_(torch.tensor([1.0, 0, 0, 0]))

    def forward(self, w: Tensor) -> Tensor:
        freqs, phases = self._transformed(w)
        fade = self.signal.sampling_rate / 2 - self.signal.cutoff
        amplitudes = (1 - (freqs.norm(dim=2) - self.signal.cutoff) / fade).clamp(0, 1)
        size = self.signal.size
        centred = torch.arange(size, device=w.device) + (0.5 - size / 2)
        positions = (centred / self.signal.sampling_rate)[:, None]
        across = positions * freqs[:, None, :, 0]
        down = positions * freqs[:, None, :, 1] + phases[:, None, :]
        x = torch.sin((across[:, None] + down[:, :, None]) * (2 * math.pi))
        x = x * amplitudes[:, None, None]
        x = x @ (self.weight / math.sqrt(self.signal.channels)).t()
        return x.permute(0, 3, 1, 2)

    def _transformed(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Frequencies [N, C, 2] and phases [N, C] as seen from picture coordinates."""
        t = self.affine(w.float())
        cos, sin, shift_x, shift_y = (t / t[:, :2].norm(dim=1, keepdim=True)).unbind(dim=1)
        # The inverse of "rotate, then translate": a picture point is first shifted back.
        rotation = torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2)
        back = -torch.stack([shift_x, shift_y], dim=1)[:, :, None]
        matrix = rotation @ self.transform[:2, :2]
        offset = rotation @ (self.transform[:2, 2:] + back)
        freqs = self.freqs @ matrix
        phases = self.phases + (self.freqs @ offset).squeeze(2)
        return freqs, phases


class SynthesisLayer(nn.Module):
    """Modulated convolution and leaky ReLU at a raised sampling rate; the last is linear.

    ``magnitude_ema`` tracks the mean square of the input, which the layer divides out.
    """

    magnitude_ema: Tensor
    up_filter: Tensor | None
    down_filter: Tensor | None

    def __init__(
        self,
        w_dim: int,
        is_torgb: bool,
        is_critically_sampled: bool,
        use_fp16: bool,
        before: Signal,
        after: Signal,
        conv_kernel: int = 3,
        filter_size: int = 6,
        lrelu_upsampling: int = 2,
        use_radial_filters: bool = False,
        conv_clamp: float | None = 256,
        magnitude_ema_beta: float = 0.999,
        low_precision: str = "float16",
    ) -> None:
        super().__init__()
        self.is_torgb, self.conv_clamp = is_torgb, conv_clamp
        self.magnitude_ema_beta = magnitude_ema_beta
        self.low_precision = low_precision_dtype(low_precision) if use_fp16 else torch.float32
        kernel = 1 if is_torgb else conv_kernel
        self.weight_gain = 1 / math.sqrt(before.channels * kernel**2)
        self.affine = FullyConnected(w_dim, before.channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(after.channels, before.channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after.channels))
        self.register_buffer("magnitude_ema", torch.ones([]))

        rate = max(before.sampling_rate, after.sampling_rate)
        rate *= 1 if is_torgb else lrelu_upsampling
        self.up, self.down = rate // before.sampling_rate, rate // after.sampling_rate
        taps_up = filter_size * self.up if self.up > 1 and not is_torgb else 1
        taps_down = filter_size * self.down if self.down > 1 and not is_torgb else 1
        radial = use_radial_filters and not is_critically_sampled
        up_filter = lowpass_filter(taps_up, before.cutoff, before.half_width * 2, rate)
        down_filter = lowpass_filter(taps_down, after.cutoff, after.half_width * 2, rate, radial)
        self.register_buffer("up_filter", up_filter)
        self.register_buffer("down_filter", down_filter)

        # Padding of the upsampled signal that gives the output its size, centred for this rate.
        total = (after.size - 1) * self.down + 1 + taps_up + taps_down - 2
        total -= (before.size + kernel - 1) * self.up
        low = (total + self.up) // 2
        self.padding = [low, total - low] * 2
        # Where that is negative, convolve fewer samples instead of dropping them afterwards.
        self.unused = max(min(-(low // self.up), (low - total) // self.up), 0)
        self.conv_padding = kernel - 1 - min(self.unused, kernel - 1)
        self.conv_crop = self.unused - min(self.unused, kernel - 1)

    def forward(
        self, x: Tensor, w: Tensor, force_fp32: bool = False, update_emas: bool = False
    ) -> Tensor:
        if update_emas:
            magnitude = x.detach().float().square().mean()
            self.magnitude_ema.copy_(magnitude.lerp(self.magnitude_ema, self.magnitude_ema_beta))
        half = x.is_cuda and not force_fp32
        x = self._convolved(x.to(self.low_precision if half else torch.float32), w)
        return filtered_lrelu(
            x,
            fu=self.up_filter,
            fd=self.down_filter,
            up=self.up,
            down=self.down,
            padding=[side + self.unused * self.up for side in self.padding],
            gain=1 if self.is_torgb else math.sqrt(2),
            slope=1 if self.is_torgb else 0.2,
            clamp=self.conv_clamp,
        )

    def _convolved(self, x: Tensor, w: Tensor) -> Tensor:
        """Modulated convolution, bias added, full padding but for samples that go unused."""
        if self.conv_crop:
            x = F.pad(x, [-self.conv_crop] * 4)  # unlike a slice's, its gradient keeps the layout
        styles = self.affine(w)
        input_gain = self.magnitude_ema.rsqrt()
        bias = self.bias[:, None, None]
        if self.is_torgb:
            styles = styles * (self.weight_gain * input_gain)
            return modulated_conv2d(x, self.weight, styles, demodulate=False, offset=bias)
        # Demodulation cancels both scales; they keep its sum of squares far above its epsilon.
        styles = styles * styles.square().mean(dim=1, keepdim=True).rsqrt()
        return modulated_conv2d(
            x,
            self.weight,
            styles,
            gain=input_gain,
            offset=bias,
            unit_kernels=True,
            padding=self.conv_padding,
        )
