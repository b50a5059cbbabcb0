"""Spectral normalisation: weights divided by their largest singular value (Miyato et al. 2018).

Two published forms differ in what they store. SPADE keeps both singular vectors and iterates
in training only (``SpectralConv2d``); the U-Net GAN keeps the left vector, iterates in every
forward pass, and remembers the value (``OneVectorSpectralNorm``).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@torch.no_grad()
def power_iteration(weight: Tensor, u: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """One step towards the first singular vectors of ``weight`` [out, in]: u [out], v [in]."""
    v = F.normalize(weight.t() @ u, dim=0, eps=eps)
    return F.normalize(weight @ v, dim=0, eps=eps), v


class SpectralConv2d(nn.Conv2d):
    """Convolution with a spectrally normalised weight, stored as PyTorch's hook form stores it:
    ``weight_orig``, ``weight_u``, ``weight_v``."""

    weight_u: Tensor
    weight_v: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=padding, bias=bias)
        weight = self.weight
        del self.weight
        self.weight_orig = nn.Parameter(weight.detach())
        u = F.normalize(torch.randn(out_channels), dim=0, eps=1e-12)
        u, v = power_iteration(weight.detach().flatten(1), u, 1e-12)
        self.register_buffer("weight_u", u)
        self.register_buffer("weight_v", v)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve x [N, in, H, W]; in training the singular vectors take one step first."""
        matrix = self.weight_orig.flatten(1)
        if self.training:
            u, v = power_iteration(matrix, self.weight_u, 1e-12)
            self.weight_u.copy_(u)
            self.weight_v.copy_(v)
        # Clones, so that a second forward pass before the backward pass changes nothing.
        sigma = self.weight_u.clone() @ (matrix @ self.weight_v.clone())
        return F.conv2d(x, self.weight_orig / sigma, self.bias, padding=self.padding)


class OneVectorSpectralNorm(nn.Module):
    """A weight with spectral normalisation that stores one vector: ``u0`` [1, out], ``sv0`` [1].

    Mixed into a convolution, a linear layer or an embedding, which calls ``normalised``.
    """

    weight: Tensor
    u0: Tensor
    sv0: Tensor
    EPS = 1e-6

    def add_vector(self) -> None:
        """Register the buffers; to be called once the weight exists.

        The weight starts orthogonal, as in the published model: all singular values are one,
        so that the normalised layers pass a signal on at its full strength.
        """
        nn.init.orthogonal_(self.weight)
        self.register_buffer("u0", torch.randn(1, self.weight.shape[0]))
        self.register_buffer("sv0", torch.ones(1))

    def normalised(self) -> Tensor:
        """The weight over its singular value, through which the gradient flows."""
        matrix = self.weight.flatten(1)
        u, v = power_iteration(matrix, self.u0[0], self.EPS)
        sigma = u @ (matrix @ v)
        if self.training:
            with torch.no_grad():
                self.u0[0] = u
                self.sv0[0] = sigma
        return self.weight / sigma


class NormalisedConv2d(OneVectorSpectralNorm, nn.Conv2d):
    """Convolution of the U-Net discriminator; padding keeps the size."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        nn.Conv2d.__init__(self, in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        self.add_vector()

    def forward(self, x: Tensor) -> Tensor:
        """[N, in, H, W] -> [N, out, H, W]."""
        return F.conv2d(x, self.normalised(), self.bias, padding=self.padding)


class NormalisedLinear(OneVectorSpectralNorm, nn.Linear):
    """Linear layer of the U-Net discriminator."""

    def __init__(self, in_features: int, out_features: int) -> None:
        nn.Linear.__init__(self, in_features, out_features)
        self.add_vector()

    def forward(self, x: Tensor) -> Tensor:
        """[N, in] -> [N, out]."""
        return F.linear(x, self.normalised(), self.bias)


class NormalisedEmbedding(OneVectorSpectralNorm, nn.Embedding):
    """Class embedding of the U-Net discriminator."""

    def __init__(self, classes: int, features: int) -> None:
        nn.Embedding.__init__(self, classes, features)
        self.add_vector()

    def forward(self, y: Tensor) -> Tensor:
        """Class indices [N] -> [N, features]."""
        return F.embedding(y, self.normalised())
