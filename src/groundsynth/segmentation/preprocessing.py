"""From stored patches to what a network takes: scaling, standardisation, augmentation."""

from __future__ import annotations

import numpy as np
import torch

from groundsynth.parts import WHOLE, Part

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

FLIP, TURN, LIGHT = 0.5, 0.5, 0.3
"""Probabilities of each flip, of a quarter turn, and of a change of brightness and contrast."""
LIGHT_RANGE = 0.2


def as_images(images: np.ndarray, device: torch.device) -> torch.Tensor:
    """uint8 [N, H, W, 3] -> float32 [N, 3, H, W] in 0..1 on ``device``."""
    moved = _moved(images, device)
    return moved.permute(0, 3, 1, 2).float().div_(255)


def as_masks(masks: np.ndarray, device: torch.device) -> torch.Tensor:
    """uint8 [N, H, W] -> int64 [N, H, W] on ``device``; 255 stays 255."""
    return _moved(masks, device).long()


def _moved(array: np.ndarray, device: torch.device) -> torch.Tensor:
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def standardise(
    images: torch.Tensor,
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
) -> torch.Tensor:
    """Subtract the mean and divide by the standard deviation of each channel.

    The result lies in memory channels last, in which convolutions take up to a third less time.
    """
    shape = (1, -1, 1, 1)
    scaled = (images - images.new_tensor(mean).view(shape)) / images.new_tensor(std).view(shape)
    return scaled.contiguous(memory_format=torch.channels_last)


def augment(
    images: torch.Tensor, masks: torch.Tensor, random: np.random.Generator, part: Part = WHOLE
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random symmetry and light of each patch: [N, 3, H, H] in 0..1 and [N, H, H].

    Horizontal flip, vertical flip and a quarter turn, each with probability 0.5: the flips make
    the direction of the turn irrelevant, so that it is a transposition. Brightness and contrast
    change together with probability 0.3, each by up to 0.2. The draws come from ``random`` on
    the host: they do not depend on the device. They are those of the whole batch of which the
    patches are a ``part``.
    """
    own = part.rows(len(images))
    count = len(images) * part.count
    across, down = ((random.random(count) < FLIP)[own] for _ in range(2))
    turned = (random.random(count) < TURN)[own]
    for chosen, operation in ((turned, transpose), (across, flip_last), (down, flip_rows)):
        where = torch.from_numpy(chosen).to(images.device)
        images = torch.where(where.view(-1, 1, 1, 1), operation(images), images)
        masks = torch.where(where.view(-1, 1, 1), operation(masks), masks)
    return _relight(images, random, part), masks


def _relight(images: torch.Tensor, random: np.random.Generator, part: Part) -> torch.Tensor:
    own = part.rows(len(images))
    count = len(images) * part.count
    lit = random.random(count) < LIGHT
    changes = (random.uniform(-LIGHT_RANGE, LIGHT_RANGE, count) * lit for _ in range(2))
    gain, offset = (change[own] for change in changes)
    shape = (-1, 1, 1, 1)
    factor = torch.from_numpy(1 + gain).to(images).view(shape)
    shift = torch.from_numpy(offset).to(images).view(shape)
    return (images * factor + shift).clamp(0, 1)


def transpose(x: torch.Tensor) -> torch.Tensor:
    """Exchange rows and columns: [..., H, W] -> [..., W, H]."""
    return x.transpose(-1, -2)


def flip_last(x: torch.Tensor) -> torch.Tensor:
    """Mirror left and right: [..., H, W]."""
    return x.flip(-1)


def flip_rows(x: torch.Tensor) -> torch.Tensor:
    """Mirror top and bottom: [..., H, W]."""
    return x.flip(-2)
