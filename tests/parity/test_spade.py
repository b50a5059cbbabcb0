"""SPADE against outputs and gradients of the published generator."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from groundsynth.gan.spade import SPADE, Generator

Load = Callable[[str], Any]


def gradients(entry: dict[str, Any], module: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Forward, then backward of the reference's scalar; outputs and input gradients."""
    module.train()
    inputs = [x.clone().requires_grad_(True) for x in entry["inputs"]]
    outputs = module(*inputs)
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    weights = [torch.linspace(-1, 1, y.numel()).view_as(y) for y in outputs]
    torch.stack([(y * w).sum() for y, w in zip(outputs, weights, strict=True)]).sum().backward()
    return outputs, [x.grad for x in inputs if x.grad is not None]


def check_parameters(entry: dict[str, Any], module: nn.Module, tolerance: float) -> None:
    """Compare relatively; a bias before an instance norm has no gradient but rounding noise."""
    summaries = entry["param_grads_summary"]
    noise = 1e-6 * max(float(summary["norm"]) for summary in summaries.values())
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        expected = summaries.pop(name)
        norm = float(expected["norm"])
        error = (parameter.grad.flatten()[:64] - expected["head"]).norm().item()
        assert error <= tolerance * norm + noise, name
        assert parameter.grad.norm().item() == pytest.approx(norm, rel=tolerance, abs=noise), name
    assert not summaries


def test_spade_normalisation(reference: Load) -> None:
    entry = reference("spade_refs.pt")["SPADE_instance"]
    module = SPADE(16, 7)
    module.load_state_dict(entry["state_before"], strict=True)
    outputs, inputs = gradients(entry, module)
    torch.testing.assert_close(outputs[0], entry["outputs"][0], rtol=1e-5, atol=1e-6)
    for actual, expected in zip(inputs, entry["input_grads"], strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
    check_parameters(entry, module, 1e-4)


def test_generator(reference: Load) -> None:
    entry = reference("spade_refs.pt")["SPADEGenerator_spectralspadeinstance3x3_vaeFalse"]
    module = Generator(**entry["opt"])
    module.load_state_dict(entry["state_before"], strict=True)
    outputs, inputs = gradients(entry, module)
    torch.testing.assert_close(outputs[0], entry["outputs"][0], rtol=1e-5, atol=1e-6)
    expected = entry["input_grads"][0]
    # Weights changed by 1e-7 of themselves move single gradients by more than their tolerance,
    # whatever the implementation; all of them together say more, and so does double precision.
    assert (inputs[0] - expected).norm() <= 2e-5 * expected.norm()
    check_parameters(entry, module, 1e-3)
    after = module.state_dict()
    for name, expected in entry["state_after"].items():
        torch.testing.assert_close(after[name], expected, rtol=1e-5, atol=1e-6, msg=name)


def test_gradients_of_the_map_in_double_precision(reference: Load) -> None:
    entry = reference("spade_refs.pt")["SPADEGenerator_spectralspadeinstance3x3_vaeFalse"]
    module = Generator(**entry["opt"])
    module.load_state_dict(entry["state_before"], strict=True)
    doubled = {**entry, "inputs": [x.double() for x in entry["inputs"]]}
    outputs, inputs = gradients(doubled, module.double())
    torch.testing.assert_close(outputs[0], entry["outputs"][0].double(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(inputs[0], entry["input_grads"][0].double(), rtol=1e-4, atol=1e-5)
