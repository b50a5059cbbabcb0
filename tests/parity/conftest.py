"""Reference tensors: outputs of the published operators and models, kept outside this project.

They are looked for beside the repository, in ``../shared/reference``; where that folder is
absent the parity tests are skipped. Files load with ``weights_only=True``: they hold tensors.
``pytest tests/parity -s`` prints the errors found.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "reference"


@pytest.fixture(scope="session")
def reference() -> Callable[[str], Any]:
    """Function that loads one file of reference tensors by its name."""

    def load(name: str) -> Any:
        path = FOLDER / name
        if not path.is_file():
            pytest.skip(f"no reference tensors {name} in ../shared/reference")
        return torch.load(path, weights_only=True)

    return load


@pytest.fixture(autouse=True)
def single_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def assert_images_equal(request: pytest.FixtureRequest) -> Callable[[Tensor, Tensor], None]:
    """Images agree within 1e-5 of their range (the goal for unit-range images is 1e-4)."""

    def check(actual: Tensor, expected: Tensor) -> None:
        assert actual.shape == expected.shape
        scale = (expected.max() - expected.min()).item()
        error = ((actual - expected).abs().max() / scale).item()
        print(f"\n{request.node.name}: {error:.1e} of range {scale:.2f}", end="")
        assert error < 1e-5

    return check


@pytest.fixture
def assert_gradients_equal(
    request: pytest.FixtureRequest,
) -> Callable[..., None]:
    """Each gradient agrees within ``most`` of its own norm; a missing gradient counts as zero."""

    def check(model: nn.Module, expected: dict[str, Tensor], most: float = 1e-3) -> None:
        actual = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        assert actual.keys() <= expected.keys()
        errors = {}
        for name, gradient in expected.items():
            difference = actual.get(name, torch.zeros_like(gradient)) - gradient
            errors[name] = (difference.norm() / gradient.norm().clamp(min=1e-30)).item()
        worst = max(errors, key=lambda name: errors[name])
        print(f"\n{request.node.name}: gradient {worst} {errors[worst]:.1e}", end="")
        assert errors[worst] < most

    return check
