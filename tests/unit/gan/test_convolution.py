"""Convolution with its own weight gradient against PyTorch's."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional as F

from groundsynth.gan import convolution
from groundsynth.gan.convolution import convolve

Convolution = Callable[[Tensor, Tensor], Tensor]


def gradients(convolved: Convolution, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Output, and gradients of both operands for a gradient that differs in every place."""
    x, w = x.clone().requires_grad_(True), w.clone().requires_grad_(True)
    y = convolved(x, w)
    dy = torch.linspace(-1, 1, y.numel()).reshape(y.shape)
    return (y, *torch.autograd.grad(y, [x, w], dy))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("channels", [3, 16, 21])
@pytest.mark.parametrize(
    ("taps", "padding"), [((3, 3), (2, 2)), ((3, 2), (2, 0)), ((1, 1), (1, 2))]
)
def test_gradients_of_wide_padding(
    layout: torch.memory_format, channels: int, taps: tuple[int, int], padding: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, channels, 7, 6).contiguous(memory_format=layout)
    w = torch.randn(5, channels, *taps)
    actual = gradients(lambda x, w: convolve(x, w, padding), x, w)
    expected = gradients(lambda x, w: F.conv2d(x, w, padding=padding), x, w)
    for ours, theirs in zip(actual, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_derivatives_of_wide_padding() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    w = torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)

    def convolved(x: Tensor, w: Tensor) -> Tensor:
        return convolve(x, w, (2, 2))

    assert gradcheck(convolved, (x, w))
    assert gradgradcheck(convolved, (x, w))


def test_the_quick_way_pads_by_half_a_kernel_and_fills_vectors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What makes it quick is invisible in the result: the sizes that reach the kernels."""
    seen = []
    inner = convolution._gradients

    def watched(
        dy: Tensor, x: Tensor, w: Tensor, padding: tuple[int, int], of_weight: bool
    ) -> Tensor:
        if of_weight:
            seen.append((x.shape[1:], tuple(w.shape), padding))
        return inner(dy, x, w, padding, of_weight)

    monkeypatch.setattr(convolution, "_gradients", watched)
    x, w = torch.randn(1, 21, 8, 8), torch.randn(4, 21, 3, 3, requires_grad=True)
    convolve(x, w, (2, 2)).sum().backward()
    assert seen == [((32, 10, 10), (4, 32, 3, 3), (1, 1))]


def test_frozen_operands_cost_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    inner = convolution._gradients

    def watched(*operands: object, of_weight: bool) -> Tensor:
        asked.append(of_weight)
        return inner(*operands, of_weight=of_weight)  # type: ignore[arg-type]

    monkeypatch.setattr(convolution, "_gradients", watched)
    x, w = torch.randn(1, 2, 4, 4), torch.randn(2, 2, 3, 3)
    convolve(x, w.clone().requires_grad_(True), (2, 2)).sum().backward()
    assert asked == [True]
    convolve(x.clone().requires_grad_(True), w, (2, 2)).sum().backward()
    assert asked == [True, False]


def test_the_compiler_and_functional_transforms_follow() -> None:
    torch.manual_seed(0)
    x, w = torch.randn(1, 2, 5, 5), torch.randn(3, 2, 3, 3)

    def total(w: Tensor) -> Tensor:
        return convolve(x, w, (2, 2)).square().sum()

    eager = w.clone().requires_grad_(True)
    (expected,) = torch.autograd.grad(total(eager), eager)
    torch.testing.assert_close(torch.func.grad(total)(w), expected)
    compiled = w.clone().requires_grad_(True)
    step = torch.compile(total, backend="aot_eager", fullgraph=True)
    (actual,) = torch.autograd.grad(step(compiled), compiled)
    torch.testing.assert_close(actual, expected)
