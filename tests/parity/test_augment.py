"""The augmentation pipe against outputs and gradients of the published one at equal seeds."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from groundsynth.gan.augment import AugmentPipe

CASES = 24


@pytest.fixture(scope="module")
def ref(reference: Callable[[str], Any]) -> dict[str, Any]:
    stored: dict[str, Any] = reference("ada_cases.pt")
    assert len(stored["cases"]) == CASES
    return stored


@pytest.mark.parity
@pytest.mark.parametrize("number", range(CASES))
def test_same_draws_give_the_same_images(ref: dict[str, Any], number: int) -> None:
    case = ref["cases"][number]
    pipe = AugmentPipe(**case["kwargs"])
    pipe.p.fill_(case["p"])
    x = ref["x"].clone().requires_grad_(True)
    torch.manual_seed(case["seed"])
    images = pipe(x, debug_percentile=case.get("debug_percentile"))
    error = (images[: len(case["y"])] - case["y"]).abs().max().item()
    print(f"\n{number}: {error:.1e}", end="")
    assert error < 2e-5
    if "dx_summary" in case:
        (gradient,) = torch.autograd.grad(images.square().sum(), x)
        torch.testing.assert_close(gradient.norm(), case["dx_summary"]["norm"], rtol=1e-5, atol=0)
        head = gradient.flatten()[:64]
        torch.testing.assert_close(head, case["dx_summary"]["head"], rtol=1e-3, atol=1e-4)
