"""SPADE and its discriminator by their definitions: one convolution for each map, NCHW.

Every normalisation resizes the map and convolves it anew; the latent is spread over the pixels and
concatenated to the map. Within ``plain_networks()`` the package's own modules compute this way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional as F

from groundsynth.gan.spade import SPADE, Generator, ResidualBlock
from groundsynth.gan.unet_discriminator import Discriminator


@contextmanager
def plain_networks() -> Iterator[None]:
    """Let generator and discriminator compute by their definitions."""
    own_judge = Discriminator.judge

    def judge(self: Any, x: Tensor, y: Any = None, condition: Tensor | None = None) -> Any:
        """The discriminator as it is, in NCHW."""
        with mock.patch.object(torch, "channels_last", torch.contiguous_format):
            return own_judge(self, x, y, condition)

    with (
        mock.patch.object(Generator, "forward", _generator),
        mock.patch.object(ResidualBlock, "forward", _block),
        mock.patch.object(SPADE, "forward", _spade),
        mock.patch.object(Discriminator, "judge", judge),
    ):
        yield


def _spade(self: Any, x: Tensor, condition: Tensor) -> Tensor:
    shared = self.mlp_shared(F.interpolate(condition, size=x.shape[2:], mode="nearest"))
    return self.param_free_norm(x) * (1 + self.mlp_gamma(shared)) + self.mlp_beta(shared)


def _block(self: Any, x: Tensor, condition: Tensor) -> Tensor:
    shortcut = self.conv_s(self.norm_s(x, condition)) if self.learned_shortcut else x
    h = self.conv_0(F.leaky_relu(self.norm_0(x, condition), 0.2))
    return shortcut + self.conv_1(F.leaky_relu(self.norm_1(h, condition), 0.2))


def _generator(self: Any, condition: Tensor, z: Tensor) -> Tensor:
    count, _, *size = condition.shape
    spread = z[:, : self.latent_dim, None, None].expand(-1, -1, *size)
    noise = z[:, self.latent_dim :].reshape(count, -1, *size)
    condition = torch.cat([condition, spread, noise], 1)
    x = self.fc(F.interpolate(condition, size=self.start, mode="nearest"))
    x = self.head_0(x, condition)
    x = self.G_middle_0(_double(x), condition)
    x = self.G_middle_1(_double(x) if self.upsamplings > 5 else x, condition)
    for n in range(self.ups):
        x = self.get_submodule(f"up_{n}")(_double(x), condition)
    return torch.tanh(self.conv_img(F.leaky_relu(x, 0.2)))


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")
