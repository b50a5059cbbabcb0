"""Hinge losses against the published ones; StyleGAN's are compared phase by phase elsewhere."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from groundsynth.gan import losses


@pytest.mark.parity
def test_hinge_losses(reference: Callable[[str], Any]) -> None:
    entry = reference("spade_refs.pt")["hinge"]
    predictions = [scale[-1] for scale in entry["pred"]]
    actual = {
        "D_True": losses.hinge_discriminator_real(predictions),
        "D_False": losses.hinge_discriminator_fake(predictions),
        "G": losses.hinge_generator(predictions),
    }
    assert actual.keys() == entry["losses"].keys()
    for name, expected in entry["losses"].items():
        torch.testing.assert_close(actual[name], expected.squeeze(), rtol=1e-6, atol=1e-7)
