"""Losses against values worked out by hand."""

import math

import pytest
import torch
from torch import Tensor

from groundsynth.gan import losses


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_logistic_losses() -> None:
    logits = torch.tensor([[0.0], [2.0]])
    up, down = (softplus(0) + softplus(2)) / 2, (softplus(0) + softplus(-2)) / 2
    assert losses.generator_logistic(logits).item() == pytest.approx(down)
    assert losses.discriminator_logistic_real(logits).item() == pytest.approx(down)
    assert losses.discriminator_logistic_fake(logits).item() == pytest.approx(up)


def test_r1_of_a_linear_discriminator() -> None:
    slope = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    images = torch.zeros(5, 3, 4, 4, requires_grad=True)
    logits = (images * slope).sum(dim=[1, 2, 3])[:, None]
    penalty = losses.r1_penalty(logits, images, gamma=3.0)
    torch.testing.assert_close(penalty, 1.5 * slope.square().sum())
    (gradient,) = torch.autograd.grad(penalty, slope)
    torch.testing.assert_close(gradient, 3 * slope)


def linear_images(ws: Tensor, gain: Tensor) -> Tensor:
    """[N, 1, 2, 2] images with gain times the first style number in the first pixel."""
    pixel = (ws[:, :, 0].sum(dim=1) * gain)[:, None, None, None]
    return pixel * torch.tensor([[1.0, 0.0], [0.0, 0.0]])


def test_path_length_of_a_linear_generator() -> None:
    gain = torch.tensor(4.0, requires_grad=True)
    ws = torch.zeros(2, 3, 5, requires_grad=True)
    noise = torch.tensor([1.0, -2.0])[:, None, None, None].expand(2, 1, 2, 2)
    penalty, mean = losses.path_length_penalty(
        linear_images(ws, gain), ws, torch.tensor(1.0), weight=2, decay=0.25, noise=noise
    )
    lengths = [4 * 1 / 2, 4 * 2 / 2]  # gain * |noise| / sqrt(height * width)
    expected_mean = 1 + 0.25 * (sum(lengths) / 2 - 1)
    assert mean.item() == pytest.approx(expected_mean)
    assert not mean.requires_grad
    expected = 2 * sum((length - expected_mean) ** 2 for length in lengths) / 2
    assert penalty.item() == pytest.approx(expected)
    # d lengths / d gain = 0.5, 1; the mean moves by a quarter of their mean.
    slopes = [0.5 - 0.1875, 1 - 0.1875]
    by_hand = 2 * sum(
        (length - expected_mean) * slope for length, slope in zip(lengths, slopes, strict=True)
    )
    (gradient,) = torch.autograd.grad(penalty, gain)
    assert gradient.item() == pytest.approx(by_hand)


def test_path_length_draws_its_own_noise() -> None:
    ws = torch.zeros(2, 3, 5, requires_grad=True)
    images = linear_images(ws, torch.tensor(4.0))
    torch.manual_seed(3)
    drawn = losses.path_length_penalty(images, ws, torch.zeros([]))[0]
    torch.manual_seed(3)
    given = losses.path_length_penalty(images, ws, torch.zeros([]), noise=torch.randn(2, 1, 2, 2))[
        0
    ]
    assert drawn.item() == given.item() > 0


def test_hinge_losses_weigh_scales_alike() -> None:
    large, small = torch.full([2, 1, 4, 4], 0.5), torch.full([2, 1, 1, 1], -2.0)
    assert losses.hinge_discriminator_real([large, small]).item() == (0.5 + 3) / 2
    assert losses.hinge_discriminator_fake([large, small]).item() == (1.5 + 0) / 2
    assert losses.hinge_generator([large, small]).item() == (-0.5 + 2) / 2
    assert losses.hinge_discriminator_real(large).item() == 0.5


def test_unet_losses_are_halves() -> None:
    pixels, image = torch.full([1, 1, 2, 2], 1.0), torch.full([1, 1], -3.0)
    real = losses.unet_real(pixels, image).item()
    assert real == pytest.approx((softplus(-1) + softplus(3)) / 2)
    fake = losses.unet_fake(pixels, image).item()
    assert fake == pytest.approx((softplus(1) + softplus(-3)) / 2)


def test_cutmix_losses() -> None:
    pixels, image = torch.tensor([[[[2.0, -1.0]]]]), torch.tensor([[0.5]])
    mask = torch.tensor([[1.0, 0.0]])
    expected = ((softplus(-2) + softplus(-1)) / 2 + softplus(0.5)) / 2
    assert losses.unet_cutmix(pixels, image, mask).item() == pytest.approx(expected)
    real, fake = torch.full([1, 1, 1, 2], 2.0), torch.full([1, 1, 1, 2], -1.0)
    assert losses.cutmix_consistency(pixels, real, fake, mask).item() == 0
    assert losses.cutmix_consistency(pixels, fake, real, mask).item() == 9
