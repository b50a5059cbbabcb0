"""Augmentation moves image and mask together and keeps every value's meaning."""

import numpy as np
import torch

from groundsynth.segmentation.preprocessing import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    as_images,
    as_masks,
    augment,
    standardise,
)

CPU = torch.device("cpu")


def numbered(count: int = 200, size: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Images whose channels hold half of the mask's value / 100, and masks with unlike pixels."""
    mask = torch.arange(size * size).view(1, size, size).repeat(count, 1, 1)
    mask[:, 0, 0] = 255
    images = (mask.clamp(max=20) / 100 + 0.3)[:, None].repeat(1, 3, 1, 1).float()
    return images, mask


def test_images_are_scaled_and_masks_kept() -> None:
    images = np.array([[[[0, 255, 51]]]], np.uint8)
    assert as_images(images, CPU).flatten().tolist() == [0.0, 1.0, np.float32(0.2)]
    assert as_masks(np.array([[[255, 3]]], np.uint8), CPU).tolist() == [[[255, 3]]]


def test_standardised_mean_is_zero_and_deviation_one() -> None:
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    pixels = torch.stack([mean - std, mean, mean + std], 1).view(1, 3, 1, 3)
    expected = torch.tensor([-1.0, 0.0, 1.0]).expand(1, 3, 1, 3)
    assert torch.allclose(standardise(pixels), expected, atol=1e-6)


def test_augmentation_keeps_images_and_masks_together() -> None:
    images, masks = numbered()
    moved, truth = augment(images, masks, np.random.default_rng(3))
    order = torch.where(truth == 255, 20, truth).flatten(1).argsort(1)
    sorted_grey = moved[:, 0].flatten(1).gather(1, order)
    assert (sorted_grey.diff() >= 0).all()
    assert (truth.flatten(1).sort().values == masks.flatten(1).sort().values).all()


def test_all_eight_symmetries_occur_with_the_expected_frequency() -> None:
    images, masks = numbered(count=2000)
    _, truth = augment(images, masks, np.random.default_rng(3))
    seen, counts = np.unique(truth.flatten(1).numpy(), axis=0, return_counts=True)
    assert len(seen) == 8
    assert counts.min() > 180  # 250 expected, deviation 15


def test_light_changes_three_patches_in_ten_within_bounds() -> None:
    images = torch.full((4000, 3, 2, 2), 0.5)
    lit, _ = augment(images, torch.zeros(4000, 2, 2, dtype=torch.long), np.random.default_rng(1))
    changed = (lit - 0.5).abs().amax((1, 2, 3)) > 1e-6
    assert 0.27 < changed.float().mean() < 0.33
    assert 0.25 < (lit - 0.5).abs().max() <= 0.3 + 1e-6


def test_augmentation_follows_from_the_random_state() -> None:
    images, masks = numbered(20)
    first = augment(images, masks, np.random.default_rng(9))
    second = augment(images, masks, np.random.default_rng(9))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
