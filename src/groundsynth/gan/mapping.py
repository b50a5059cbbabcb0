"""Mapping network of StyleGAN: latents and labels to styles (Karras et al. 2019, section 2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from groundsynth.errors import ConfigurationError
from groundsynth.gan.layers import FullyConnected


class Mapping(nn.Module):
    """Mapping network: z [N, z_dim] and label c [N, c_dim] to ws [N, num_ws, w_dim].

    With ``num_ws=None`` the output is [N, w_dim] (the discriminator's label mapping). ``w_avg``
    follows the mean w by ``w_avg_beta`` and is the centre of truncation (Karras et al. 2019,
    section 2 and appendix B).
    """

    w_avg: Tensor

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        num_ws: int | None,
        num_layers: int = 8,
        embed_features: int | None = None,
        layer_features: int | None = None,
        activation: str = "lrelu",
        lr_multiplier: float = 0.01,
        w_avg_beta: float | None = 0.998,
    ) -> None:
        super().__init__()
        if z_dim + c_dim == 0 or num_layers < 1:
            raise ConfigurationError(
                f"A mapping network with z_dim {z_dim}, c_dim {c_dim} and {num_layers} layers has "
                "no input or no layer; give it at least one of each."
            )
        self.z_dim, self.c_dim, self.w_dim = z_dim, c_dim, w_dim
        self.num_ws, self.num_layers, self.w_avg_beta = num_ws, num_layers, w_avg_beta
        embedded = 0 if c_dim == 0 else embed_features or w_dim
        if c_dim > 0:
            self.embed = FullyConnected(c_dim, embedded)
        widths = [z_dim + embedded, *[layer_features or w_dim] * (num_layers - 1), w_dim]
        for i in range(num_layers):
            layer = FullyConnected(
                widths[i], widths[i + 1], activation=activation, lr_multiplier=lr_multiplier
            )
            self.add_module(f"fc{i}", layer)
        if num_ws is not None and w_avg_beta is not None:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self,
        z: Tensor | None,
        c: Tensor | None = None,
        truncation_psi: float = 1,
        truncation_cutoff: int | None = None,
        update_emas: bool = False,
    ) -> Tensor:
        x = torch.cat(self._inputs(z, c), dim=1)
        for i in range(self.num_layers):
            x = self.get_submodule(f"fc{i}")(x)
        if update_emas and self.num_ws is not None and self.w_avg_beta is not None:
            mean = x.detach().float().mean(dim=0)
            self.w_avg.copy_(mean.lerp(self.w_avg, self.w_avg_beta))
        if self.num_ws is None:
            return x
        x = x.unsqueeze(1).expand(-1, self.num_ws, -1)
        return x if truncation_psi == 1 else self._truncate(x, truncation_psi, truncation_cutoff)

    def _inputs(self, z: Tensor | None, c: Tensor | None) -> list[Tensor]:
        """Normalised latent and embedded label, as far as the network has them."""
        inputs = []
        if self.z_dim > 0:
            inputs.append(normalize_rms(_checked(z, self.z_dim, "latent z")))
        if self.c_dim > 0:
            inputs.append(normalize_rms(self.embed(_checked(c, self.c_dim, "label c"))))
        return inputs

    def _truncate(self, ws: Tensor, psi: float, cutoff: int | None) -> Tensor:
        """First ``cutoff`` ws (all by default) drawn towards the mean w by ``psi``."""
        if self.w_avg_beta is None:
            raise ValueError("Truncation needs the mean w, which w_avg_beta=None leaves out.")
        if cutoff is None:
            return self.w_avg.lerp(ws, psi)
        return torch.cat([self.w_avg.lerp(ws[:, :cutoff], psi), ws[:, cutoff:]], dim=1)


def normalize_rms(x: Tensor) -> Tensor:
    """Each row of [N, C] divided by its root mean square."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


def _checked(x: Tensor | None, features: int, name: str) -> Tensor:
    """``x`` in float32; ValueError unless it is [N, features]."""
    if x is None or x.ndim != 2 or x.shape[1] != features:
        shape = None if x is None else tuple(x.shape)
        raise ValueError(f"The {name} must have shape [N, {features}], not {shape}.")
    return x.float()
