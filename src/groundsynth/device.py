"""Device and precision, as configured: nothing is assumed about the machine."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from groundsynth.errors import ConfigurationError

Precision = Literal["float32", "float16", "bfloat16"]


def select_device(name: str) -> torch.device:
    """``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises ConfigurationError when a GPU is asked for and none can be used.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigurationError(
            f"The configured device {name!r} cannot be used: PyTorch {torch.__version__} sees no "
            "GPU here; set run.device to auto or cpu, or run this stage on a GPU node."
        )
    return torch.device(name)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Context in which matrix products run in ``precision``; nothing changes for float32."""
    if precision == "float32":
        return nullcontext()
    if precision == "float16" and device.type == "cpu":
        raise ConfigurationError(
            "run.precision float16 needs a GPU; use float32 or bfloat16 on a CPU."
        )
    return torch.autocast(device.type, dtype=getattr(torch, precision))
