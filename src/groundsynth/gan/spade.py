"""SPADE: synthesis of an image from a land-cover map (Park et al. 2019).

Module and parameter names are those of published SPADE models, so that their weights load. The
optional latent follows OASIS (Schönfeld et al. 2021, section 3.3): noise concatenated to the map
wherever the map enters, so that samples of one map differ. Some of its channels are a number for
each image, broadcast over the pixels; others a number for each pixel, from which texture grows.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from groundsynth.errors import ConfigurationError
from groundsynth.gan.spectral import SpectralConv2d

UPSAMPLINGS = {"normal": 5, "more": 6, "most": 7}
NORM_NAME = re.compile(r"(spectral)?spade(instance|batch)(\d)x\3")


def one_hot(masks: Tensor, classes: int) -> Tensor:
    """Class indices uint8 [N, H, W] -> float32 [N, classes, H, W]; unlabelled pixels are zeros."""
    index = torch.arange(classes, device=masks.device, dtype=masks.dtype)
    return (masks[:, None] == index[None, :, None, None]).float()


class SPADE(nn.Module):
    """Normalisation whose scale and shift are maps computed from the condition (section 3.1)."""

    def __init__(
        self,
        channels: int,
        condition_channels: int,
        norm: str = "instance",
        kernel: int = 3,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        plain = {"instance": nn.InstanceNorm2d, "batch": nn.BatchNorm2d}[norm]
        padding = kernel // 2
        self.param_free_norm = plain(channels, affine=False)
        self.mlp_shared = nn.Sequential(
            nn.Conv2d(condition_channels, hidden, kernel, padding=padding), nn.ReLU()
        )
        self.mlp_gamma = nn.Conv2d(hidden, channels, kernel, padding=padding)
        self.mlp_beta = nn.Conv2d(hidden, channels, kernel, padding=padding)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x [N, C, h, w], condition [N, K, H, W] (resized to h, w) -> [N, C, h, w]."""
        shared = self.mlp_shared(F.interpolate(condition, size=x.shape[2:], mode="nearest"))
        # One convolution for both maps: narrow ones leave vector units idle.
        convs = (self.mlp_gamma, self.mlp_beta)
        weight = torch.cat([conv.weight for conv in convs])
        bias = torch.cat([conv.get_parameter("bias") for conv in convs])
        maps = F.conv2d(shared, weight, bias, padding=self.mlp_gamma.padding)
        gamma, beta = maps.chunk(2, 1)
        normalised = self.param_free_norm(x).contiguous(memory_format=torch.channels_last)
        return torch.addcmul(beta, normalised, 1 + gamma)


class ResidualBlock(nn.Module):
    """Two SPADE-normalised convolutions and a shortcut, learned where the width changes."""

    def __init__(self, c_in: int, c_out: int, spectral: bool, norm: dict[str, Any]) -> None:
        super().__init__()
        conv = SpectralConv2d if spectral else nn.Conv2d
        middle = min(c_in, c_out)
        self.conv_0 = conv(c_in, middle, 3, padding=1)
        self.conv_1 = conv(middle, c_out, 3, padding=1)
        self.norm_0 = SPADE(c_in, **norm)
        self.norm_1 = SPADE(middle, **norm)
        self.learned_shortcut = c_in != c_out
        if self.learned_shortcut:
            self.conv_s = conv(c_in, c_out, 1, bias=False)
            self.norm_s = SPADE(c_in, **norm)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x [N, c_in, h, w] -> [N, c_out, h, w]."""
        shortcut = self.conv_s(self.norm_s(x, condition)) if self.learned_shortcut else x
        x = self.conv_0(F.leaky_relu(self.norm_0(x, condition), 0.2))
        x = self.conv_1(F.leaky_relu(self.norm_1(x, condition), 0.2))
        return shortcut + x


class Generator(nn.Module):
    """SPADE generator: one-hot map [N, semantic_nc, H, W] -> image [N, 3, H, W] in [-1, 1].

    ``crop_size`` is the image's width in pixels, ``aspect_ratio`` its width / height, ``ngf`` the
    number of channels at full resolution. ``num_upsampling_layers`` is ``normal`` (5 doublings),
    ``more`` (6), ``most`` (7) or, for small images, a number from 2 to 4. ``norm_G`` names the
    normalisations, ``[spectral]spade{instance|batch}{k}x{k}``; ``hidden`` is the width inside
    them (128 in the paper). With ``use_vae`` the first layer takes a vector of ``z_dim`` in place
    of the map (section 3.1); without, ``z_dim`` is not used. ``latent_dim`` channels of noise for
    each image and ``noise_dim`` channels for each pixel are the latent of the module's
    description; ``z_size`` is the length of the vector that holds them. Raises
    ConfigurationError for values that do not fit together.
    """

    def __init__(
        self,
        semantic_nc: int,
        ngf: int = 64,
        crop_size: int = 256,
        aspect_ratio: float = 1.0,
        num_upsampling_layers: str | int = "normal",
        norm_G: str = "spectralspadeinstance3x3",
        use_vae: bool = False,
        z_dim: int = 256,
        latent_dim: int = 0,
        noise_dim: int = 0,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        if use_vae and latent_dim + noise_dim:
            raise ConfigurationError("A SPADE generator takes use_vae or a latent, not both.")
        self.semantic_nc, self.use_vae, self.latent_dim = semantic_nc, use_vae, latent_dim
        pixels = crop_size * round(crop_size / aspect_ratio)
        self.z_size = z_dim if use_vae else latent_dim + noise_dim * pixels
        self.img_resolution = crop_size
        self.upsamplings = int(UPSAMPLINGS.get(str(num_upsampling_layers), num_upsampling_layers))
        self.start = _start_size(crop_size, aspect_ratio, self.upsamplings)
        inputs = semantic_nc + latent_dim + noise_dim
        block = _block_settings(norm_G, inputs, hidden)
        self.ups = 5 if self.upsamplings == 7 else min(self.upsamplings, 5) - 1
        widths = [ngf * 2 ** min(self.ups, 4) // 2**n for n in range(self.ups + 1)]
        self.fc = self._first_layer(inputs, z_dim, widths[0])
        self.head_0 = ResidualBlock(widths[0], widths[0], **block)
        self.G_middle_0 = ResidualBlock(widths[0], widths[0], **block)
        self.G_middle_1 = ResidualBlock(widths[0], widths[0], **block)
        for n in range(self.ups):
            self.add_module(f"up_{n}", ResidualBlock(widths[n], widths[n + 1], **block))
        self.conv_img = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def _first_layer(self, inputs: int, z_dim: int, width: int) -> nn.Module:
        if self.use_vae:
            return nn.Linear(z_dim, width * self.start[0] * self.start[1])
        return nn.Conv2d(inputs, width, 3, padding=1)

    def forward(self, condition: Tensor, z: Tensor | None = None) -> Tensor:
        """``condition`` [N, semantic_nc, H, W], ``z`` [N, z_size] where there is a latent."""
        condition = condition.contiguous(memory_format=torch.channels_last)
        if self.use_vae:
            x = self.fc(z).view(len(condition), -1, *self.start)
        else:
            condition = self._with_latent(condition, z)
            x = self.fc(F.interpolate(condition, size=self.start, mode="nearest"))
        x = self.head_0(x, condition)
        x = self.G_middle_0(_double(x), condition)
        x = self.G_middle_1(_double(x) if self.upsamplings > 5 else x, condition)
        for n in range(self.ups):
            x = self.get_submodule(f"up_{n}")(_double(x), condition)
        return torch.tanh(self.conv_img(F.leaky_relu(x, 0.2)))

    def _with_latent(self, condition: Tensor, z: Tensor | None) -> Tensor:
        if self.z_size == 0:
            return condition
        if z is None:
            raise ValueError("this generator has a latent: give z")
        count, _, *size = condition.shape
        spread = z[:, : self.latent_dim, None, None].expand(-1, -1, *size)
        noise = z[:, self.latent_dim :].reshape(count, -1, *size)
        joined = torch.cat([condition, spread.to(condition.dtype), noise.to(condition.dtype)], 1)
        return joined.contiguous(memory_format=torch.channels_last)


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def _start_size(crop_size: int, aspect_ratio: float, upsamplings: int) -> tuple[int, int]:
    """Height and width of the first feature map."""
    if not 2 <= upsamplings <= 7 or crop_size % 2**upsamplings or crop_size < 2 * 2**upsamplings:
        raise ConfigurationError(
            f"A SPADE generator cannot make {crop_size} px from {upsamplings} doublings; choose 2 "
            "to 7 doublings that leave at least 2 px at the start."
        )
    width = crop_size // 2**upsamplings
    return round(width / aspect_ratio), width


def _block_settings(name: str, inputs: int, hidden: int) -> dict[str, Any]:
    """Keywords of the residual blocks for a published normalisation name."""
    parts = NORM_NAME.fullmatch(name.replace("syncbatch", "batch"))
    if parts is None:
        raise ConfigurationError(
            f"Unknown SPADE normalisation {name!r}; it reads like spectralspadeinstance3x3."
        )
    norm = {
        "condition_channels": inputs,
        "norm": parts[2],
        "kernel": int(parts[3]),
        "hidden": hidden,
    }
    return {"spectral": parts[1] is not None, "norm": norm}
