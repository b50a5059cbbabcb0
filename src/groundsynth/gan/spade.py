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
from groundsynth.gan.condition import Condition
from groundsynth.gan.instance_norm import instance_norm
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

    def forward(self, x: Tensor, condition: Tensor | Condition) -> Tensor:
        """x [N, C, h, w], condition [N, K, H, W] (resized to h, w) -> [N, C, h, w]."""
        return self.modulate(self.normalise(x), condition)

    def normalise(self, x: Tensor) -> Tensor:
        """The normalisation without parameters."""
        if self.shares_statistics:
            return instance_norm(x, self.param_free_norm.eps)
        plain: Tensor = self.param_free_norm(x)
        return plain.contiguous(memory_format=torch.channels_last)

    @property
    def shares_statistics(self) -> bool:
        """Whether equal inputs are normalised equally, and doubling pixels changes nothing."""
        return isinstance(self.param_free_norm, nn.InstanceNorm2d)

    def modulate(self, normalised: Tensor, condition: Tensor | Condition) -> Tensor:
        """Scale and shift [N, C, h, w] by the maps of the condition."""
        if isinstance(condition, Tensor):
            condition = Condition(condition)
        height, width = normalised.shape[2:]
        shared = condition.convolve(self.mlp_shared[0], (height, width)).relu_()
        # One convolution for both maps: narrow ones leave vector units idle. The 1 of the scale
        # 1 + gamma goes in with the bias.
        weight = torch.cat([self.mlp_gamma.weight, self.mlp_beta.weight])
        gamma, beta = (conv.get_parameter("bias") for conv in (self.mlp_gamma, self.mlp_beta))
        bias = torch.cat([gamma + 1, beta])
        maps = F.conv2d(shared, weight, bias, padding=self.mlp_gamma.padding)
        scale, shift = maps.chunk(2, 1)
        return torch.addcmul(shift, normalised.to(shift.dtype), scale)


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

    def forward(self, x: Tensor, condition: Tensor | Condition, doubled: bool = False) -> Tensor:
        """x [N, c_in, h, w] -> [N, c_out, h, w]; ``doubled``: each pixel becomes 2 x 2 first."""
        shares = self.norm_0.shares_statistics
        if doubled and not shares:
            x, doubled = _double(x), False
        normalised = self.norm_0.normalise(x)
        normalised = _double(normalised) if doubled else normalised
        if self.learned_shortcut:
            own = normalised if shares else self.norm_s.normalise(x)
            shortcut = self.conv_s(self.norm_s.modulate(own, condition))
        else:
            shortcut = _double(x) if doubled else x
        x = self.conv_0(F.leaky_relu_(self.norm_0.modulate(normalised, condition), 0.2))
        x = self.conv_1(F.leaky_relu_(self.norm_1(x, condition), 0.2))
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
        inputs = self._with_latent(condition, z)
        if self.use_vae:
            x = self.fc(z).view(len(condition), -1, *self.start)
        else:
            x = inputs.convolve(self.fc, self.start)
        x = self.head_0(x, inputs)
        x = self.G_middle_0(x, inputs, doubled=True)
        x = self.G_middle_1(x, inputs, doubled=self.upsamplings > 5)
        for n in range(self.ups):
            x = self.get_submodule(f"up_{n}")(x, inputs, doubled=True)
        return torch.tanh(self.conv_img(F.leaky_relu(x, 0.2)))

    def _with_latent(self, condition: Tensor, z: Tensor | None) -> Condition:
        """The map, the noise of each pixel and the numbers of each image, as one condition."""
        if self.use_vae or self.z_size == 0:
            return Condition(condition)
        if z is None:
            raise ValueError("this generator has a latent: give z")
        count, _, *size = condition.shape
        z = z.to(condition.dtype)
        noise = z[:, self.latent_dim :].reshape(count, -1, *size)
        maps = torch.cat([condition, noise], 1) if noise.shape[1] else condition
        constants = z[:, : self.latent_dim] if self.latent_dim else None
        return Condition(maps, constants, place=self.semantic_nc)


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
