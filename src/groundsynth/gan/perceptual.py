"""Perceptual loss: how differently a VGG-19 network sees two images (Johnson et al. 2016).

Layers and weights are those of SPADE (Park et al. 2019, appendix A). Images enter in [-1, 1] as
they are, without the network's own standardisation, as in the paper's training. The weights are a
file that the verb fetch-vgg writes.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from groundsynth.errors import InputError

WIDTHS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""Channels of the convolutions of each block, and their number; a pooling follows each block."""

TAPS = {1: 1 / 32, 6: 1 / 16, 11: 1 / 8, 20: 1 / 4, 29: 1.0}
"""Places of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 among the layers -> their weights."""

FEATURES = "features."
"""What the names of the convolutions begin with in the published weights."""

AGAIN = "fetch it again with the verb fetch-vgg"


def vgg19_layers() -> nn.Sequential:
    """Convolutions, activations and poolings of VGG-19, numbered as in torchvision."""
    layers: list[nn.Module] = []
    c_in = 3
    for width, count in WIDTHS:
        for _ in range(count):
            layers += [nn.Conv2d(c_in, width, 3, padding=1), nn.ReLU()]
            c_in = width
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


class PerceptualDistance(nn.Module):
    """Weighted L1 distance of two batches of images [N, 3, H, W] in [-1, 1], a scalar.

    ``weights`` is a safetensors file with the convolutions of VGG-19. Raises InputError when it
    is missing or holds something else.
    """

    def __init__(self, weights: Path, device: torch.device) -> None:
        super().__init__()
        with torch.device("meta"):
            layers = vgg19_layers()
        layers.load_state_dict(_read(weights, layers), assign=True)
        self.layers = layers[: max(TAPS) + 1].to(device).to(memory_format=torch.channels_last)
        self.eval().requires_grad_(False)

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """Gradients flow into ``fake`` alone."""
        x, y = (t.contiguous(memory_format=torch.channels_last) for t in (fake, real))
        total = torch.zeros([], device=fake.device)
        for n, layer in enumerate(self.layers):
            x = layer(x)
            with torch.no_grad():
                y = layer(y)
            if n in TAPS:
                total = total + TAPS[n] * F.l1_loss(x.float(), y.float())
        return total


def _read(path: Path, layers: nn.Module) -> dict[str, Tensor]:
    """Weights for ``layers`` by name; InputError where the file has others."""
    try:
        state = load_file(path)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; {AGAIN}.") from None
    except SafetensorError as error:
        raise InputError(f"{path} cannot be read ({error}); {AGAIN}.") from None
    found = {name.removeprefix(FEATURES): tensor for name, tensor in state.items()}
    shapes = {name: tensor.shape for name, tensor in found.items()}
    if shapes != {name: tensor.shape for name, tensor in layers.state_dict().items()}:
        raise InputError(f"{path} does not hold the convolutions of VGG-19; {AGAIN}.")
    return found
