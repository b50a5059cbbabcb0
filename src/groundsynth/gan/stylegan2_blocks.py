"""Layers and blocks of the StyleGAN2 synthesis network (Karras et al. 2020, sections 2 and 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from groundsynth.errors import ConfigurationError
from groundsynth.gan.layers import ARCHITECTURES, Conv2d, FullyConnected, low_precision_dtype
from groundsynth.gan.modulated import modulated_conv2d
from groundsynth.gan.ops import ACTIVATION_GAINS, bias_act, setup_filter, upsample2d


class SynthesisLayer(nn.Module):
    """Modulated convolution, noise, bias and activation."""

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        kernel_size: int = 3,
        up: int = 1,
        use_noise: bool = True,
        activation: str = "lrelu",
        resample_filter: Sequence[float] = (1, 3, 3, 1),
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.resolution, self.up, self.use_noise = resolution, up, use_noise
        self.activation, self.conv_clamp = activation, conv_clamp
        self.padding = kernel_size // 2
        self.act_gain = ACTIVATION_GAINS[activation]
        self.register_buffer("resample_filter", setup_filter(resample_filter))
        self.affine = FullyConnected(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        if use_noise:
            self.register_buffer("noise_const", torch.randn(resolution, resolution))
            self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor, w: Tensor, noise_mode: str, gain: float = 1) -> Tensor:
        noise = self._noise(x.shape[0], noise_mode)
        # Without noise the bias takes its place in the fused multiply-add.
        x = modulated_conv2d(
            x,
            self.weight,
            self.affine(w),
            offset=self.bias[:, None, None] if noise is None else noise,
            f=self.resample_filter,
            up=self.up,
            padding=self.padding,
            flip_weight=self.up == 1,
        )
        b = None if noise is None else self.bias
        clamp = None if self.conv_clamp is None else self.conv_clamp * gain
        return bias_act(x, b, act=self.activation, gain=self.act_gain * gain, clamp=clamp)

    def _noise(self, batch: int, mode: str) -> Tensor | None:
        """Noise [N or 1, 1, R, R] of the given mode; None without noise."""
        if not self.use_noise or mode == "none":
            return None
        if mode == "const":
            return self.noise_const[None, None] * self.noise_strength
        shape = [batch, 1, self.resolution, self.resolution]
        return torch.randn(shape, device=self.weight.device) * self.noise_strength


class ToRGB(nn.Module):
    """Modulated 1 x 1 convolution to image channels, without demodulation."""

    def __init__(
        self, in_channels: int, out_channels: int, w_dim: int, conv_clamp: float | None = None
    ) -> None:
        super().__init__()
        self.conv_clamp = conv_clamp
        self.affine = FullyConnected(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.weight_gain = 1 / math.sqrt(in_channels)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        styles = self.affine(w) * self.weight_gain
        x = modulated_conv2d(x, self.weight, styles, demodulate=False)
        return bias_act(x, self.bias, clamp=self.conv_clamp)


class SynthesisBlock(nn.Module):
    """One resolution: two convolutions (one at 4 x 4, after the constant) and the RGB output."""

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        img_channels: int,
        is_last: bool,
        architecture: str = "skip",
        resample_filter: Sequence[float] = (1, 3, 3, 1),
        conv_clamp: float | None = 256,
        use_fp16: bool = False,
        fp16_channels_last: bool = False,
        fused_modconv_default: bool | str = True,
        low_precision: str = "float16",
        **layer_kwargs: Any,
    ) -> None:
        super().__init__()
        if architecture not in ARCHITECTURES:
            raise ConfigurationError(
                f"architecture is {architecture!r}; it can be {', '.join(ARCHITECTURES)}."
            )
        self.architecture, self.is_last = architecture, is_last
        self.fused_modconv_default = fused_modconv_default
        self.low_precision = low_precision_dtype(low_precision) if use_fp16 else torch.float32
        self.channels_last = use_fp16 and fp16_channels_last
        self.register_buffer("resample_filter", setup_filter(resample_filter))
        layer_kwargs |= {"resample_filter": resample_filter, "conv_clamp": conv_clamp}
        self.num_conv = self.num_torgb = 0
        if in_channels == 0:
            self.const = nn.Parameter(torch.randn(out_channels, resolution, resolution))
        else:
            self.conv0 = SynthesisLayer(
                in_channels, out_channels, w_dim, resolution, up=2, **layer_kwargs
            )
            self.num_conv += 1
        self.conv1 = SynthesisLayer(out_channels, out_channels, w_dim, resolution, **layer_kwargs)
        self.num_conv += 1
        if is_last or architecture == "skip":
            self.torgb = ToRGB(out_channels, img_channels, w_dim, conv_clamp)
            self.num_torgb += 1
        if in_channels > 0 and architecture == "resnet":
            self.skip = Conv2d(
                in_channels, out_channels, 1, bias=False, up=2, resample_filter=resample_filter
            )

    def forward(
        self,
        x: Tensor | None,
        img: Tensor | None,
        ws: Tensor,
        noise_mode: str,
        force_fp32: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Features and image [N, C, R/2, R/2] (None before 4 x 4) to those of this resolution."""
        w = iter(ws.unbind(dim=1))
        # Half precision pays on GPUs only; CPUs convolve faster in channels_last order.
        half = ws.is_cuda and not force_fp32
        last = self.channels_last if ws.is_cuda else True
        layout = torch.channels_last if last else torch.contiguous_format
        if x is None:
            x = self.const.expand(ws.shape[0], -1, -1, -1)
        x = x.to(self.low_precision if half else torch.float32, memory_format=layout)
        if not hasattr(self, "conv0"):
            x = self.conv1(x, next(w), noise_mode)
        elif self.architecture == "resnet":
            y = self.skip(x, gain=math.sqrt(0.5))
            x = self.conv0(x, next(w), noise_mode)
            x = y + self.conv1(x, next(w), noise_mode, gain=math.sqrt(0.5))
        else:
            x = self.conv0(x, next(w), noise_mode)
            x = self.conv1(x, next(w), noise_mode)
        if img is not None:
            img = upsample2d(img, self.resample_filter)
        if self.num_torgb:
            rgb = self.torgb(x, next(w)).float()
            img = rgb if img is None else img + rgb
        return x, img
