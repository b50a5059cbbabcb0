"""What is measured of each network: forward, and the passes that training consists of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from groundsynth.gan.losses import path_length_penalty, r1_penalty

Pass = Callable[[Any, Tensor], Tensor]


def generator_forward(G: Any, z: Tensor) -> Tensor:
    """Sampling: evaluation mode, no gradients."""
    with torch.no_grad():
        return G.eval()(z, labels(G, z), noise_mode="const")


def generator_backward(G: Any, z: Tensor) -> Tensor:
    """Main phase: images and the gradients of all parameters."""
    images = G.train()(z, labels(G, z), noise_mode="const")
    (images * probe(images)).sum().backward()
    return images.detach()


def path_length(G: Any, z: Tensor) -> Tensor:
    """Path-length phase: second derivatives."""
    ws = G.train().mapping(z, labels(G, z))
    images = G.synthesis(ws, noise_mode="const")
    noise = probe(images)
    path_length_penalty(images, ws, torch.zeros([]), noise=noise)[0].backward()
    return images.detach()


def discriminator_forward(D: Any, images: Tensor) -> Tensor:
    """Logits without gradients."""
    with torch.no_grad():
        return D.eval()(images, labels(D, images))


def discriminator_images(D: Any, images: Tensor) -> Tensor:
    """Its part in the generator's main phase: gradients of the images."""
    D.train().requires_grad_(False)
    images = images.clone().requires_grad_(True)
    logits = D(images, labels(D, images))
    logits.sum().backward()
    D.requires_grad_(True)
    return logits.detach()


def discriminator_backward(D: Any, images: Tensor) -> Tensor:
    """Main phase: gradients of all parameters."""
    logits = D.train()(images, labels(D, images))
    logits.sum().backward()
    return logits.detach()


def r1(D: Any, images: Tensor) -> Tensor:
    """R1 phase: second derivatives."""
    images = images.clone().requires_grad_(True)
    logits = D.train()(images, labels(D, images))
    r1_penalty(logits, images, 1.0).backward()
    return logits.detach()


def labels(network: Any, like: Tensor) -> Tensor:
    """No labels, [N, 0]."""
    return torch.zeros([len(like), 0], device=like.device)


def probe(images: Tensor) -> Tensor:
    """The same noise of the images' shape in every pass."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(images.shape, generator=generator)


GENERATOR_PASSES: dict[str, Pass] = {
    "forward": generator_forward,
    "forward + backward": generator_backward,
    "path length": path_length,
}
DISCRIMINATOR_PASSES: dict[str, Pass] = {
    "forward": discriminator_forward,
    "gradient of images": discriminator_images,
    "forward + backward": discriminator_backward,
    "R1": r1,
}
