"""Augmentation pipe: exact transforms, probabilities, derivatives, wavelets."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from groundsynth.gan import augment_filters as filters
from groundsynth.gan import augment_geometry as geometry
from groundsynth.gan.augment import AugmentPipe
from groundsynth.gan.ops import setup_filter

WAVELET = setup_filter(geometry.SYM6)
Transform = Callable[[Tensor], Tensor]


@pytest.fixture
def images() -> Tensor:
    """Smooth random images [6, 3, 24, 24]: resampling loses next to nothing of them."""
    torch.manual_seed(0)
    coarse = torch.randn(6, 3, 3, 3)
    return torch.nn.functional.interpolate(coarse, size=[24, 24], mode="bicubic").clamp(-1, 1)


@pytest.mark.parametrize("taps", [geometry.SYM6, filters.SYM2])
def test_wavelets_are_orthonormal(taps: tuple[float, ...]) -> None:
    f = np.array(taps)
    assert f.sum() == pytest.approx(np.sqrt(2))
    for shift in range(0, len(f), 2):
        product = (f[shift:] * f[: len(f) - shift]).sum()
        assert product == pytest.approx(1.0 if shift == 0 else 0.0, abs=1e-9)


def test_filter_bank_divides_and_restores() -> None:
    bank = filters.filter_bank()
    impulse = torch.zeros(bank.shape[1])
    impulse[bank.shape[1] // 2] = 1
    torch.testing.assert_close(bank.sum(dim=0), impulse, rtol=0, atol=1e-6)
    torch.testing.assert_close(bank.sum(dim=1), torch.tensor([1.0, 0, 0, 0]), rtol=0, atol=1e-6)
    x = torch.randn(2, 3, 50, 50)
    torch.testing.assert_close(
        filters.filter_bands(x, torch.ones(2, 4), bank), x, rtol=1e-4, atol=1e-5
    )


def test_probability_zero_keeps_images(images: Tensor) -> None:
    pipe = AugmentPipe(xflip=1, rotate=1, brightness=1, hue=1, imgfilter=1, noise=1, cutout=1)
    pipe.p.zero_()
    torch.testing.assert_close(pipe(images), images, rtol=0, atol=0.03)
    assert torch.equal(AugmentPipe()(images), images)


@pytest.mark.parametrize(
    ("name", "percentile", "expected"),
    [
        ("xflip", 0.6, lambda x: x.flip(3)),
        ("rotate90", 0.3, lambda x: x.rot90(1, dims=[2, 3])),
        ("rotate90", 0.6, lambda x: x.rot90(2, dims=[2, 3])),
        ("brightness", 0.5, lambda x: x),
        ("lumaflip", 0.6, lambda x: x - 2 * x.mean(dim=1, keepdim=True)),
    ],
)
def test_exact_operations(
    images: Tensor, name: str, percentile: float, expected: Transform
) -> None:
    operation: dict[str, Any] = {name: 1.0}
    actual = AugmentPipe(**operation)(images, debug_percentile=percentile)
    torch.testing.assert_close(actual, expected(images), rtol=0, atol=0.06)


def test_shift_goes_right_and_down_and_mirrors(images: Tensor) -> None:
    pipe = AugmentPipe(xint=1, xint_max=0.25)
    moved = pipe(images, debug_percentile=0.75)  # half of 0.25 of 24 px
    torch.testing.assert_close(moved[..., 3:, 3:], images[..., :-3, :-3], rtol=0, atol=0.03)
    torch.testing.assert_close(moved[..., 3:, 2], images[..., :-3, 1], rtol=0, atol=0.03)


def test_cutout_blackens_its_rectangle(images: Tensor) -> None:
    cut = AugmentPipe(cutout=1)(images + 2, debug_percentile=0.5)
    assert not cut[..., 6:18, 6:18].any()
    assert (cut == 0).sum() == 6 * 3 * 12 * 12


def test_cutout_takes_x_before_y() -> None:
    centre, size = torch.tensor([[0.25, 0.5]]), torch.tensor([[0.5, 0.5]])
    cut = filters.cut_out(torch.ones(1, 1, 4, 8), centre, size)
    expected = torch.ones(4, 8)
    expected[1:3, 0:4] = 0
    assert torch.equal(cut[0, 0], expected)


def test_probability_is_per_sample() -> None:
    torch.manual_seed(1)
    pipe = AugmentPipe(brightness=0.5)
    pipe.p.fill_(0.5)
    changed = (pipe(torch.zeros(2000, 3, 2, 2)) != 0).flatten(1).any(dim=1)
    assert changed.float().mean().item() == pytest.approx(0.25, abs=0.04)


def test_band_gains_keep_the_expected_power() -> None:
    pipe = AugmentPipe(imgfilter=1)
    torch.manual_seed(2)
    x = torch.randn(1, 1, 64, 64)
    power = pipe(x, debug_percentile=0.9).square().mean()
    bands = torch.tensor(filters.EXPECTED_POWER)
    assert bands.sum().item() == pytest.approx(1)
    assert 0.1 < power.item() < 2


def test_grey_images_have_no_hue(images: Tensor) -> None:
    grey = images[:, :1]
    assert torch.equal(AugmentPipe(hue=1, saturation=1)(grey), grey)
    assert AugmentPipe(contrast=1)(grey, debug_percentile=0.9).std() > grey.std()
    with pytest.raises(ValueError, match="1 or 3 channels, not 2"):
        AugmentPipe(contrast=1)(images[:, :2])


def test_hue_turns_about_grey() -> None:
    turn = filters.hue_rotation(torch.tensor([2 * torch.pi / 3]))
    red = torch.tensor([1.0, 0, 0, 1])
    torch.testing.assert_close(turn[0] @ red, torch.tensor([0, 1.0, 0, 1]), rtol=0, atol=1e-6)


def test_warp_derivatives_of_both_orders() -> None:
    """R1 differentiates twice through the pipe."""
    torch.manual_seed(0)
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    inverse = geometry.rotation(torch.tensor([0.3, -0.5])).double()

    def warp(x: Tensor) -> Tensor:
        return geometry.warp(x, inverse, WAVELET.double())

    assert gradcheck(warp, (x,))
    assert gradgradcheck(warp, (x,))
