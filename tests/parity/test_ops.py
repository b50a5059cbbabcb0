"""The operators against outputs and gradients of the published ones."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from groundsynth.gan import ops

Load = Callable[[str], Any]


def relative_error(actual: Tensor, expected: Tensor) -> float:
    """Largest difference as a fraction of the largest expected value."""
    assert actual.shape == expected.shape
    scale = expected.abs().max().item() or 1.0
    return ((actual - expected).abs().max() / scale).item()


@pytest.mark.parity
def test_upfirdn2d_output_and_gradient(reference: Load) -> None:
    for case in reference("upfirdn2d_cases.pt"):
        x, y, dy, dx = (case.pop(name) for name in ("x", "y", "dy", "dx"))
        x.requires_grad_(True)
        actual = ops.upfirdn2d(x, **case)
        (gradient,) = torch.autograd.grad(actual, x, dy)
        assert relative_error(actual, y) < 2e-6, case
        assert relative_error(gradient, dx) < 2e-6, case


@pytest.mark.parity
def test_upfirdn2d_in_channels_last_order(reference: Load) -> None:
    for case in reference("upfirdn2d_cases.pt"):
        x, y, _, _ = (case.pop(name) for name in ("x", "y", "dy", "dx"))
        actual = ops.upfirdn2d(x.contiguous(memory_format=torch.channels_last), **case)
        assert relative_error(actual, y) < 2e-6, case


@pytest.mark.parity
def test_filtered_lrelu_output_and_gradients(reference: Load) -> None:
    for case in reference("filtered_lrelu_cases.pt"):
        x, b, y, dy, dx, db = (case.pop(name) for name in ("x", "b", "y", "dy", "dx", "db"))
        x.requires_grad_(True)
        b.requires_grad_(True)
        actual = ops.filtered_lrelu(x, b=b, **case)
        gradient_x, gradient_b = torch.autograd.grad(actual, [x, b], dy)
        assert relative_error(actual, y) < 2e-6, case
        assert relative_error(gradient_x, dx) < 1e-5, case
        assert relative_error(gradient_b, db) < 1e-5, case


@pytest.mark.parity
def test_bias_act_output_and_gradient(reference: Load) -> None:
    for case in reference("bias_act_cases.pt"):
        x = case["x"].requires_grad_(True)
        actual = ops.bias_act(x, case["b"], act=case["act"], **case["kw"])
        (gradient,) = torch.autograd.grad(actual, x, case["dy"])
        label = (case["act"], case["kw"])
        assert relative_error(actual, case["y"]) < 1e-6, label
        assert relative_error(gradient, case["dx"]) < 1e-6, label


@pytest.mark.parity
def test_conv2d_resample_output(reference: Load) -> None:
    for case in reference("conv2d_resample_cases.pt"):
        x, w, y = (case.pop(name) for name in ("x", "w", "y"))
        assert relative_error(ops.conv2d_resample(x, w, **case), y) < 2e-6, case
