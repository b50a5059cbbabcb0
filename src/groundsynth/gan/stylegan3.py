"""StyleGAN3 (Karras et al. 2021), configurations T and R, with the names of its release.

Configuration R is ``conv_kernel=1, use_radial_filters=True`` with doubled ``channel_base`` and
``channel_max``. The discriminator is StyleGAN2's.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from groundsynth.errors import ConfigurationError
from groundsynth.gan.layers import log2_resolution
from groundsynth.gan.mapping import Mapping
from groundsynth.gan.stylegan2_discriminator import Discriminator
from groundsynth.gan.stylegan3_layers import Signal, SynthesisInput, SynthesisLayer

__all__ = ["Discriminator", "Generator", "Synthesis"]


def plan_signals(
    img_resolution: int,
    img_channels: int,
    channel_base: int,
    channel_max: int,
    num_layers: int,
    num_critical: int,
    first_cutoff: float,
    first_stopband: float,
    last_stopband_rel: float,
    margin_size: int,
) -> list[Signal]:
    """Signals after the input's and each layer's place, ``num_layers + 1`` (section 3.2).

    Cutoffs and stopbands grow geometrically up to the first critically sampled layer, from
    where the cutoff is the Nyquist frequency of the picture. The last signal is the picture.
    """
    last_cutoff = img_resolution / 2
    last_stopband = last_cutoff * last_stopband_rel
    signals = []
    for i in range(num_layers + 1):
        progress = min(i / (num_layers - num_critical), 1)
        cutoff = first_cutoff * (last_cutoff / first_cutoff) ** progress
        stopband = first_stopband * (last_stopband / first_stopband) ** progress
        rate = 2 ** math.ceil(math.log2(min(stopband * 2, img_resolution)))
        size = rate + 2 * margin_size if i < num_layers - 1 else img_resolution
        channels = round(min(channel_base / 2 / cutoff, channel_max))
        channels = img_channels if i == num_layers else channels
        half_width = max(stopband, rate / 2) - cutoff
        signals.append(Signal(channels, size, rate, cutoff, half_width))
    return signals


class Synthesis(nn.Module):
    """Sine features and alias-free layers: ws [N, num_ws, w_dim] to images [N, C, R, R]."""

    def __init__(
        self,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        channel_base: int = 32768,
        channel_max: int = 512,
        num_layers: int = 14,
        num_critical: int = 2,
        first_cutoff: float = 2,
        first_stopband: float = 2**2.1,
        last_stopband_rel: float = 2**0.3,
        margin_size: int = 10,
        output_scale: float = 0.25,
        num_fp16_res: int = 4,
        **layer_kwargs: Any,
    ) -> None:
        super().__init__()
        log2_resolution(img_resolution)
        if not 0 < num_critical < num_layers:
            raise ConfigurationError(
                f"num_critical is {num_critical} of {num_layers} layers; it must be at least 1 and "
                "less than num_layers."
            )
        self.w_dim, self.img_resolution, self.img_channels = w_dim, img_resolution, img_channels
        self.num_ws, self.output_scale = num_layers + 2, output_scale
        signals = plan_signals(
            img_resolution,
            img_channels,
            channel_base,
            channel_max,
            num_layers,
            num_critical,
            first_cutoff,
            first_stopband,
            last_stopband_rel,
            margin_size,
        )
        self.input = SynthesisInput(w_dim, signals[0])
        self.layer_names: list[str] = []
        for i, after in enumerate(signals):
            layer = SynthesisLayer(
                w_dim,
                is_torgb=i == num_layers,
                is_critically_sampled=i >= num_layers - num_critical,
                use_fp16=after.sampling_rate * 2**num_fp16_res > img_resolution,
                before=signals[max(i - 1, 0)],
                after=after,
                **layer_kwargs,
            )
            self.layer_names.append(f"L{i}_{after.size}_{after.channels}")
            self.add_module(self.layer_names[-1], layer)

    def forward(
        self,
        ws: Tensor,
        noise_mode: str = "const",
        force_fp32: bool = False,
        update_emas: bool = False,
    ) -> Tensor:
        """Images; ``noise_mode`` is accepted for StyleGAN2's sake: this network has no noise."""
        if ws.shape[1:] != (self.num_ws, self.w_dim):
            expected = f"[N, {self.num_ws}, {self.w_dim}]"
            raise ValueError(f"ws must have shape {expected}, not {list(ws.shape)}.")
        first, *others = ws.float().unbind(dim=1)
        x = self.input(first)
        # On CPUs the depthwise FIR passes are several times quicker in channels_last order.
        layout = torch.contiguous_format if x.is_cuda else torch.channels_last
        x = x.contiguous(memory_format=layout)
        for name, w in zip(self.layer_names, others, strict=True):
            x = self.get_submodule(name)(x, w, force_fp32, update_emas)
        return x.float().contiguous() * self.output_scale


class Generator(nn.Module):
    """Mapping and synthesis: ``G(z, c)`` gives images [N, img_channels, R, R]."""

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        mapping_kwargs: dict[str, Any] | None = None,
        **synthesis_kwargs: Any,
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim = z_dim, c_dim, w_dim
        self.img_resolution, self.img_channels = img_resolution, img_channels
        self.synthesis = Synthesis(w_dim, img_resolution, img_channels, **synthesis_kwargs)
        self.num_ws = self.synthesis.num_ws
        kwargs = {"num_layers": 2, **(mapping_kwargs or {})}
        self.mapping = Mapping(z_dim, c_dim, w_dim, self.num_ws, **kwargs)

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1,
        truncation_cutoff: int | None = None,
        update_emas: bool = False,
        **synthesis_kwargs: Any,
    ) -> Tensor:
        """Images; ``update_emas`` moves the mean w and the layers' input magnitudes first."""
        ws = self.mapping(z, c, truncation_psi, truncation_cutoff, update_emas)
        img: Tensor = self.synthesis(ws, update_emas=update_emas, **synthesis_kwargs)
        return img
