"""Reference tensors: outputs of the published operators and models, kept outside this project.

They are looked for beside the repository, in ``../shared/reference``; where that folder is
absent the parity tests are skipped. Files load with ``weights_only=True``: they hold tensors.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

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
