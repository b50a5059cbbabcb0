"""The U-Net discriminator against outputs and gradients of the published one."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from groundsynth.gan.unet_discriminator import Discriminator

Load = Callable[[str], Any]


def without_prefix(tensors: dict[str, Any]) -> dict[str, Any]:
    """The published conditional model wraps the network as ``d``."""
    return {name.removeprefix("d."): value for name, value in tensors.items()}


def check_gradient(name: str, actual: Tensor, expected: dict[str, Tensor], noise: float) -> None:
    """Within 2e-3 of the norm: the weighting cancels, so that single rectifiers count."""
    norm = float(expected["norm"])
    error = (actual.flatten()[:64] - expected["head"]).norm().item()
    assert error <= 2e-3 * norm + noise, name
    assert actual.norm().item() == pytest.approx(norm, rel=2e-3, abs=noise), name


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("resolution", [128, 256])
def test_outputs_gradients_and_vectors(reference: Load, resolution: int, conditional: bool) -> None:
    entry = reference("unetgan_refs.pt")[f"Unet_D_{resolution}_unc{not conditional}"]
    module = Discriminator(**entry["kwargs"])
    module.load_state_dict(without_prefix(entry["state_before"]), strict=True)
    x = entry["inputs"][0].clone().requires_grad_(True)
    outputs = module.train()(x, entry.get("y"))
    for actual, expected in zip(outputs, entry["outputs"], strict=True):
        scale = expected.abs().max().item()
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5 * scale)
    weights = [torch.linspace(-1, 1, y.numel()).view_as(y) for y in outputs]
    sum((y * w).sum() for y, w in zip(outputs, weights, strict=True)).backward()
    error = (x.grad - entry["input_grads"][0]).norm() / entry["input_grads"][0].norm()
    assert error < 1e-3
    summaries = without_prefix(entry["param_grads_summary"])
    noise = 1e-6 * max(float(summary["norm"]) for summary in summaries.values())
    for name, parameter in module.named_parameters():
        if parameter.grad is not None:
            check_gradient(name, parameter.grad, summaries.pop(name), noise)
    assert not summaries
    after = module.state_dict()
    for name, expected in without_prefix(entry["state_after"]).items():
        torch.testing.assert_close(after[name], expected, rtol=1e-4, atol=1e-5, msg=name)
