"""Device and precision, as configured: nothing is assumed about the machine."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, get_args

import torch

from groundsynth.allocator import keep_freed_memory
from groundsynth.errors import ConfigurationError

Precision = Literal["float32", "float16", "bfloat16"]
CPU_PRECISIONS = ("float32", "bfloat16")


def select_device(name: str) -> torch.device:
    """``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Where it is the CPU, the process keeps the memory that it frees from now on. Raises
    ConfigurationError for another name, or when that GPU is not there.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise ConfigurationError(
            f"There is no device {name!r}; set run.device to auto, cpu, cuda or cuda:N."
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cpu":
        keep_freed_memory()
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        raise ConfigurationError(
            f"The configured device {name!r} cannot be used: PyTorch {torch.__version__} sees "
            f"{count or 'no'} GPU{'s' if count > 1 else ''} here; set run.device to auto or cpu, "
            "or run this stage on a GPU node."
        )
    return device


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Context in which matrix products run in ``precision``; nothing changes for float32.

    Raises ConfigurationError for a precision that is unknown or that the device has not.
    """
    require_precision(device, precision)
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


def loss_scaler(device: torch.device, precision: str) -> torch.amp.GradScaler:
    """Scaler of the losses: float16 would lose small gradients; the others have the range."""
    return torch.amp.GradScaler(device.type, enabled=precision == "float16")


def require_precision(device: torch.device, precision: str) -> None:
    """Raise ConfigurationError for a precision that is unknown or that the device has not."""
    if precision not in get_args(Precision):
        raise ConfigurationError(
            f"There is no precision {precision!r}; set run.precision to "
            f"{', '.join(get_args(Precision))}."
        )
    if device.type == "cpu" and precision not in CPU_PRECISIONS:
        raise ConfigurationError(
            f"run.precision {precision} needs a GPU; use {' or '.join(CPU_PRECISIONS)} on a CPU."
        )
    if precision == "bfloat16" and device.type == "cuda" and not _has_bfloat16(device):
        raise ConfigurationError(
            f"run.precision bfloat16 is not what {torch.cuda.get_device_name(device)} computes "
            "in; use float16 or float32 on it."
        )


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the GPU multiplies matrices in bfloat16 itself (compute capability 8 and above)."""
    return torch.cuda.get_device_capability(device)[0] >= 8
