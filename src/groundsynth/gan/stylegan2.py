"""StyleGAN2 (Karras et al. 2020) with the constructor keywords and state names of its release.

``Generator`` maps z [N, z_dim] and an optional label c [N, c_dim] to images [N, C, R, R] in
about [-1, 1]; ``Discriminator`` (in a module of its own) maps images to logits [N, 1].
"""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn

from groundsynth.gan.layers import log2_resolution
from groundsynth.gan.mapping import Mapping
from groundsynth.gan.stylegan2_blocks import SynthesisBlock
from groundsynth.gan.stylegan2_discriminator import Discriminator

__all__ = ["Discriminator", "Generator", "Synthesis"]

NOISE_MODES = ("random", "const", "none")


class Synthesis(nn.Module):
    """Blocks from 4 x 4 to the full resolution: ws [N, num_ws, w_dim] to images."""

    def __init__(
        self,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        channel_base: int = 32768,
        channel_max: int = 512,
        num_fp16_res: int = 4,
        **block_kwargs: Any,
    ) -> None:
        super().__init__()
        exponent = log2_resolution(img_resolution)
        self.w_dim, self.img_resolution, self.img_channels = w_dim, img_resolution, img_channels
        self.resolutions = [2**i for i in range(2, exponent + 1)]
        half_from = max(2 ** (exponent + 1 - num_fp16_res), 8)
        # Consecutive blocks overlap: an RGB layer shares its w with the next block's first layer.
        self.block_ws: list[tuple[int, int]] = []
        start = before = 0
        for resolution in self.resolutions:
            channels = min(channel_base // resolution, channel_max)
            is_last = resolution == img_resolution
            block = SynthesisBlock(
                before,
                channels,
                w_dim,
                resolution,
                img_channels,
                is_last,
                use_fp16=num_fp16_res > 0 and resolution >= half_from,
                **block_kwargs,
            )
            self.add_module(f"b{resolution}", block)
            self.block_ws.append((start, start + block.num_conv + block.num_torgb))
            start, before = start + block.num_conv, channels
        self.num_ws = self.block_ws[-1][1]

    def forward(
        self,
        ws: Tensor,
        noise_mode: str = "random",
        force_fp32: bool = False,
        fused_modconv: bool | None = None,
        update_emas: bool = False,
    ) -> Tensor:
        """Images [N, img_channels, R, R].

        ``noise_mode`` is random (drawn anew, from PyTorch's generator), const (stored noise) or
        none. ``fused_modconv`` and ``update_emas`` belong to the published interface and change
        nothing here: activations are always the ones that are scaled, and there is no average.
        """
        if noise_mode not in NOISE_MODES:
            raise ValueError(f"noise_mode is {noise_mode!r}; it can be {', '.join(NOISE_MODES)}.")
        if ws.shape[1:] != (self.num_ws, self.w_dim):
            expected = f"[N, {self.num_ws}, {self.w_dim}]"
            raise ValueError(f"ws must have shape {expected}, not {list(ws.shape)}.")
        ws = ws.float()
        x: Tensor | None = None
        img: Tensor | None = None
        for resolution, (start, stop) in zip(self.resolutions, self.block_ws, strict=True):
            block = self.get_submodule(f"b{resolution}")
            x, img = block(x, img, ws[:, start:stop], noise_mode, force_fp32)
        return cast(Tensor, img)


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
        self.mapping = Mapping(z_dim, c_dim, w_dim, self.num_ws, **(mapping_kwargs or {}))

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1,
        truncation_cutoff: int | None = None,
        update_emas: bool = False,
        **synthesis_kwargs: Any,
    ) -> Tensor:
        ws = self.mapping(z, c, truncation_psi, truncation_cutoff, update_emas)
        img: Tensor = self.synthesis(ws, update_emas=update_emas, **synthesis_kwargs)
        return img
