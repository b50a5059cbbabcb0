"""Layers shared by the StyleGAN generators and their discriminator.

Weights are stored with unit variance and scaled when used ("equalised learning rate", Karras et
al. 2018, section 4.1), so that Adam moves all layers at the same relative speed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from groundsynth.errors import ConfigurationError
from groundsynth.gan.ops import ACTIVATION_GAINS, bias_act, conv2d_resample, setup_filter

ARCHITECTURES = ("orig", "skip", "resnet")
LOW_PRECISIONS = {"float16": torch.float16, "bfloat16": torch.bfloat16}


class FullyConnected(nn.Module):
    """act(x W + b), both scaled by ``lr_multiplier`` at run time: [N, in] to [N, out]."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        activation: str = "linear",
        lr_multiplier: float = 1,
        bias_init: float = 0,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full([out_features], float(bias_init))) if bias else None
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        x, w = x * self.weight_gain, self.weight.to(x.dtype)  # a batch is smaller than a matrix
        b = None if self.bias is None else self.bias.to(x.dtype)
        if b is not None and self.bias_gain != 1:
            b = b * self.bias_gain
        if self.activation == "linear":
            return nn.functional.linear(x, w, b)
        return bias_act(x @ w.t(), b, act=self.activation)


class Conv2d(nn.Module):
    """Convolution, bias, activation and clamp, with optional resampling by 2: [N, C, H, W].

    ``trainable=False`` keeps weight and bias as buffers (frozen discriminator layers, "Freeze-D").
    """

    weight: Tensor
    bias: Tensor | None
    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        bias: bool = True,
        activation: str = "linear",
        up: int = 1,
        down: int = 1,
        resample_filter: Sequence[float] = (1, 3, 3, 1),
        conv_clamp: float | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__()
        self.activation, self.up, self.down = activation, up, down
        self.conv_clamp = conv_clamp
        self.padding = kernel_size // 2
        self.weight_gain = 1 / math.sqrt(in_channels * kernel_size**2)
        self.act_gain = ACTIVATION_GAINS[activation]
        self.register_buffer("resample_filter", setup_filter(resample_filter))
        weight = torch.randn(out_channels, in_channels, kernel_size, kernel_size)
        if trainable:
            self.weight = nn.Parameter(weight)
            self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        else:
            self.register_buffer("weight", weight)
            self.register_buffer("bias", torch.zeros(out_channels) if bias else None)

    def forward(self, x: Tensor, gain: float = 1) -> Tensor:
        x = conv2d_resample(
            x,
            (self.weight * self.weight_gain).to(x.dtype),
            f=self.resample_filter,
            up=self.up,
            down=self.down,
            padding=self.padding,
            flip_weight=self.up == 1,
        )
        clamp = None if self.conv_clamp is None else self.conv_clamp * gain
        return bias_act(x, self.bias, act=self.activation, gain=self.act_gain * gain, clamp=clamp)


def log2_resolution(img_resolution: int) -> int:
    """Exponent of a resolution; ConfigurationError unless it is a power of two of at least 4."""
    if img_resolution < 4 or img_resolution & (img_resolution - 1):
        raise ConfigurationError(
            f"img_resolution is {img_resolution}; this network needs a power of two of at least 4."
        )
    return img_resolution.bit_length() - 1


def low_precision_dtype(name: str) -> torch.dtype:
    """The half precision of the highest resolutions, used on GPUs only."""
    if name not in LOW_PRECISIONS:
        raise ConfigurationError(
            f"low_precision is {name!r}; it can be {' or '.join(LOW_PRECISIONS)}."
        )
    return LOW_PRECISIONS[name]
