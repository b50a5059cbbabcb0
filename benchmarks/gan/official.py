"""Networks of the published implementation, from a checkout that the caller has."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from torch.torch_version import TorchVersion


def use_checkout(checkout: Path) -> None:
    """Make the published modules of ``checkout`` importable, once and first of all.

    They ask ``pkg_resources``, which newer setuptools no longer have, to compare versions.
    """
    if not (checkout / "training" / "networks_stylegan3.py").is_file():
        raise SystemExit(f"{checkout} is no checkout of the published implementation.")
    sys.path.insert(0, str(checkout.resolve()))
    stand_in = ModuleType("pkg_resources")
    vars(stand_in)["parse_version"] = TorchVersion
    sys.modules.setdefault("pkg_resources", stand_in)


def published_module(name: str) -> Any:
    """A module of the checkout, such as training.loss."""
    return importlib.import_module(name)


def published_network(generation: int, name: str, keywords: dict[str, Any]) -> Any:
    """Generator or Discriminator of StyleGAN2 or StyleGAN3."""
    return getattr(published_module(f"training.networks_stylegan{generation}"), name)(**keywords)
