"""Modulated convolution against its definition with one kernel for each sample."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from groundsynth.gan.modulated import modulated_conv2d


def literal(x: Tensor, weight: Tensor, styles: Tensor, demodulate: bool) -> Tensor:
    """Every sample convolved on its own with its scaled, normalised kernel."""
    results = []
    for sample, style in zip(x, styles, strict=True):
        w = weight * style[:, None, None]
        if demodulate:
            w = w / (w.square().sum(dim=[1, 2, 3], keepdim=True) + 1e-8).sqrt()
        results.append(F.conv2d(sample[None], w, padding=1))
    return torch.cat(results)


@pytest.fixture
def tensors() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(3, 4, 6, 6), torch.randn(5, 4, 3, 3), torch.randn(3, 4)


@pytest.mark.parametrize("demodulate", [True, False])
def test_scaled_activations_equal_scaled_kernels(
    tensors: tuple[Tensor, Tensor, Tensor], demodulate: bool
) -> None:
    actual = modulated_conv2d(*tensors, demodulate=demodulate, padding=1)
    torch.testing.assert_close(actual, literal(*tensors, demodulate), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("demodulate", [True, False])
def test_gain_and_offset(tensors: tuple[Tensor, Tensor, Tensor], demodulate: bool) -> None:
    offset = torch.randn(3, 1, 6, 6)
    gain = torch.tensor(2.0) if demodulate else None
    actual = modulated_conv2d(*tensors, demodulate=demodulate, gain=gain, offset=offset, padding=1)
    expected = literal(*tensors, demodulate) * (2 if demodulate else 1) + offset
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def test_kernels_of_unit_size(tensors: tuple[Tensor, Tensor, Tensor]) -> None:
    """The size of the kernels does not matter, not even beside the epsilon of the demodulation."""
    x, weight, styles = tensors
    unit = weight / weight.square().mean(dim=[1, 2, 3], keepdim=True).sqrt()
    expected = literal(x, unit, styles, demodulate=True)
    for size in (1e-6, 1.0, 1e6):
        sized = weight * size * torch.arange(1, 6)[:, None, None, None]
        actual = modulated_conv2d(x, sized, styles, unit_kernels=True, padding=1)
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


def test_half_precision_does_not_overflow(tensors: tuple[Tensor, Tensor, Tensor]) -> None:
    x, weight, styles = tensors
    weight, styles = weight * 1e3, styles * 1e3
    actual = modulated_conv2d(x.half(), weight, styles, padding=1)
    assert actual.dtype == torch.float16
    expected = literal(x, weight, styles, demodulate=True)
    torch.testing.assert_close(actual.float(), expected, rtol=0, atol=0.02)
