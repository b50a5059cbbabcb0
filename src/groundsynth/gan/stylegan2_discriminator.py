"""Discriminator of StyleGAN2 and StyleGAN3 (Karras et al. 2020), images to logits [N, 1]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from groundsynth.errors import ConfigurationError
from groundsynth.gan.layers import (
    ARCHITECTURES,
    Conv2d,
    FullyConnected,
    log2_resolution,
    low_precision_dtype,
)
from groundsynth.gan.mapping import Mapping
from groundsynth.gan.ops import downsample2d, setup_filter


def minibatch_stddev(x: Tensor, group_size: int | None = 4, num_channels: int = 1) -> Tensor:
    """``x`` [N, C, H, W] with ``num_channels`` channels that tell how much a group varies.

    A group is every (N / group)-th sample (Karras et al. 2018, section 3). Raises ValueError
    when the batch cannot be divided into groups.
    """
    batch, channels, height, width = x.shape
    group = batch if group_size is None else min(group_size, batch)
    if batch % group or channels % num_channels:
        raise ValueError(
            f"The minibatch standard deviation needs batches divisible by its group size {group} "
            f"and channels by {num_channels}, not {batch} and {channels}."
        )
    y = x.reshape(group, batch // group, num_channels, channels // num_channels, height, width)
    y = (y - y.mean(dim=0)).square().mean(dim=0)
    y = (y + 1e-8).sqrt().mean(dim=[2, 3, 4])[:, :, None, None]
    return torch.cat([x, y.repeat(group, 1, height, width)], dim=1)


class DiscriminatorBlock(nn.Module):
    """One resolution: two convolutions, the second downsampling, and the residual branch."""

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        tmp_channels: int,
        out_channels: int,
        img_channels: int,
        first_layer: int,
        architecture: str = "resnet",
        activation: str = "lrelu",
        resample_filter: Sequence[float] = (1, 3, 3, 1),
        conv_clamp: float | None = None,
        use_fp16: bool = False,
        fp16_channels_last: bool = False,
        freeze_layers: int = 0,
        low_precision: str = "float16",
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.low_precision = low_precision_dtype(low_precision) if use_fp16 else torch.float32
        self.channels_last = use_fp16 and fp16_channels_last
        self.register_buffer("resample_filter", setup_filter(resample_filter))
        self.num_layers = 0
        common: dict[str, Any] = {"conv_clamp": conv_clamp, "resample_filter": resample_filter}

        def conv(inputs: int, outputs: int, kernel_size: int, **kwargs: Any) -> Conv2d:
            trainable = first_layer + self.num_layers >= freeze_layers
            self.num_layers += 1
            kwargs = {"activation": activation, **common, **kwargs}
            return Conv2d(inputs, outputs, kernel_size, trainable=trainable, **kwargs)

        self.has_fromrgb = in_channels == 0 or architecture == "skip"
        if self.has_fromrgb:
            self.fromrgb = conv(img_channels, tmp_channels, 1)
        self.conv0 = conv(tmp_channels, tmp_channels, 3)
        self.conv1 = conv(tmp_channels, out_channels, 3, down=2)
        if architecture == "resnet":
            plain = {"bias": False, "activation": "linear", "conv_clamp": None}
            self.skip = conv(tmp_channels, out_channels, 1, down=2, **plain)

    def forward(
        self, x: Tensor | None, img: Tensor | None, force_fp32: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Features (None at the top) and image [N, C, R, R] to those of half the resolution."""
        some = img if x is None else x
        if some is None:
            raise ValueError("The first block of a discriminator needs an image.")
        dtype = self.low_precision if some.is_cuda and not force_fp32 else torch.float32
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        if x is not None:
            x = x.to(dtype, memory_format=layout)
        if self.has_fromrgb and img is not None:
            img = img.to(dtype, memory_format=layout)
            y = self.fromrgb(img)
            x = y if x is None else x + y
            img = downsample2d(img, self.resample_filter) if self.architecture == "skip" else None
        if self.architecture == "resnet":
            y = self.skip(x, gain=math.sqrt(0.5))
            return y + self.conv1(self.conv0(x), gain=math.sqrt(0.5)), img
        return self.conv1(self.conv0(x)), img


class DiscriminatorEpilogue(nn.Module):
    """From 4 x 4 features to the logit: batch statistics, convolution, two dense layers."""

    def __init__(
        self,
        in_channels: int,
        cmap_dim: int,
        img_channels: int,
        architecture: str = "resnet",
        mbstd_group_size: int | None = 4,
        mbstd_num_channels: int = 1,
        activation: str = "lrelu",
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.cmap_dim, self.architecture = cmap_dim, architecture
        self.mbstd_group_size, self.mbstd_num_channels = mbstd_group_size, mbstd_num_channels
        if architecture == "skip":
            self.fromrgb = Conv2d(img_channels, in_channels, 1, activation=activation)
        self.conv = Conv2d(
            in_channels + mbstd_num_channels,
            in_channels,
            3,
            activation=activation,
            conv_clamp=conv_clamp,
        )
        self.fc = FullyConnected(in_channels * 16, in_channels, activation=activation)
        self.out = FullyConnected(in_channels, cmap_dim or 1)

    def forward(self, x: Tensor, img: Tensor | None, cmap: Tensor | None) -> Tensor:
        x = x.to(torch.float32, memory_format=torch.contiguous_format)
        if self.architecture == "skip" and img is not None:
            x = x + self.fromrgb(img.float())
        if self.mbstd_num_channels > 0:
            x = minibatch_stddev(x, self.mbstd_group_size, self.mbstd_num_channels)
        x = self.out(self.fc(self.conv(x).flatten(1)))
        if cmap is not None:  # projection discriminator (Miyato and Koyama 2018)
            x = (x * cmap).sum(dim=1, keepdim=True) / math.sqrt(self.cmap_dim)
        return x


class Discriminator(nn.Module):
    """``D(img, c)``: images [N, img_channels, R, R] and labels [N, c_dim] to logits [N, 1]."""

    def __init__(
        self,
        c_dim: int,
        img_resolution: int,
        img_channels: int,
        architecture: str = "resnet",
        channel_base: int = 32768,
        channel_max: int = 512,
        num_fp16_res: int = 4,
        conv_clamp: float | None = 256,
        cmap_dim: int | None = None,
        block_kwargs: dict[str, Any] | None = None,
        mapping_kwargs: dict[str, Any] | None = None,
        epilogue_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if architecture not in ARCHITECTURES:
            raise ConfigurationError(
                f"architecture is {architecture!r}; it can be {', '.join(ARCHITECTURES)}."
            )
        exponent = log2_resolution(img_resolution)
        self.c_dim, self.img_resolution, self.img_channels = c_dim, img_resolution, img_channels
        self.resolutions = [2**i for i in range(exponent, 2, -1)]
        channels = {r: min(channel_base // r, channel_max) for r in [*self.resolutions, 4]}
        cmap_dim = 0 if c_dim == 0 else cmap_dim or channels[4]
        half_from = max(2 ** (exponent + 1 - num_fp16_res), 8)
        common: dict[str, Any] = {"architecture": architecture, "conv_clamp": conv_clamp}
        first_layer = 0
        for r in self.resolutions:
            block = DiscriminatorBlock(
                0 if r == img_resolution else channels[r],
                channels[r],
                channels[r // 2],
                img_channels,
                first_layer,
                use_fp16=num_fp16_res > 0 and r >= half_from,
                **common,
                **(block_kwargs or {}),
            )
            self.add_module(f"b{r}", block)
            first_layer += block.num_layers
        if c_dim > 0:
            kwargs = {"w_avg_beta": None, **(mapping_kwargs or {})}
            self.mapping = Mapping(0, c_dim, cmap_dim, None, **kwargs)
        self.b4 = DiscriminatorEpilogue(
            channels[4], cmap_dim, img_channels, **common, **(epilogue_kwargs or {})
        )

    def forward(
        self,
        img: Tensor,
        c: Tensor | None = None,
        update_emas: bool = False,
        force_fp32: bool = False,
    ) -> Tensor:
        """Logits [N, 1]; ``update_emas`` belongs to the published interface and has no effect."""
        expected = (self.img_channels, self.img_resolution, self.img_resolution)
        if img.shape[1:] != expected:
            raise ValueError(f"Images must have shape [N, *{expected}], not {list(img.shape)}.")
        x: Tensor | None = None
        rest: Tensor | None = img
        for resolution in self.resolutions:
            x, rest = self.get_submodule(f"b{resolution}")(x, rest, force_fp32)
        cmap = self.mapping(None, c) if self.c_dim > 0 else None
        logits: Tensor = self.b4(x, rest, cmap)
        return logits
