"""Checkpoints of a training: written whole, the last two kept, loaded without pickled code."""

from __future__ import annotations

import pickle
import random
import sys
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
import torch

from groundsynth.errors import OutputError
from groundsynth.files import atomic, flush_to_disk

LATEST, PREVIOUS = "checkpoint.pt", "checkpoint.previous.pt"
PLAIN = (int, float, complex, bool, str, bytes, NoneType, torch.dtype, torch.device, torch.Size)
"""Types of values, besides tensors and containers, that can be loaded without pickled code."""


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, text, lists, dicts) and the random states of all
    generators; the checkpoint before it is kept beside it.

    A value of another type, such as a NumPy number, is a TypeError that names it: the checkpoint
    could be written, but not be loaded.
    """
    if fault := _fault(state):
        raise TypeError(f"the state{fault}, which a checkpoint may not hold")
    with atomic(folder / LATEST) as temporary:
        _write({**state, "random_states": random_states()}, temporary)
        flush_to_disk(temporary)  # the one before stays in its place until the new one is whole
        with suppress(FileNotFoundError):
            (folder / LATEST).replace(folder / PREVIOUS)


def _write(state: dict[str, Any], path: Path) -> None:
    try:
        torch.save(state, path)
    except RuntimeError as error:
        if "inline_container" not in str(error):  # the writer of files; a GPU fails otherwise
            raise
        raise OutputError(
            f"The checkpoint {path.parent / LATEST} cannot be written; free space and start again "
            "(the one before it is kept)."
        ) from error


def _fault(value: Any) -> str:
    """Place and type of the first value that could not be loaded; empty if there is none."""
    if type(value) in PLAIN or isinstance(value, torch.Tensor):
        return ""
    if type(value) in (dict, OrderedDict):
        for key, part in value.items():
            if fault := _fault(key) or _fault(part):
                return f"[{key!r}]{fault}"
        return ""
    if type(value) in (list, tuple):
        faults = ((number, _fault(part)) for number, part in enumerate(value))
        return next((f"[{number}]{fault}" for number, fault in faults if fault), "")
    return f" is a {type(value).__name__}"


def load_checkpoint(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """Load the newest checkpoint and restore the random states; None when there is none.

    A checkpoint that cannot be read (a disk that filled up) is passed over with a word for the
    one before it.
    """
    for path in (folder / LATEST, folder / PREVIOUS):
        if path.exists() and _is_whole(path):
            state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
            restore_random_states(state.pop("random_states"))
            return state
    return None


def _is_whole(path: Path) -> bool:
    """Whether a checkpoint can be read; tensors stay on the disk, and no device is asked.

    Apart from loading, so that a full GPU does not pass for a broken file.
    """
    try:
        torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
        first = str(error).partition("\n")[0]
        print(f"{path} cannot be read ({first}): it is passed over.", file=sys.stderr)
        return False
    return True


def random_states() -> dict[str, Any]:
    """States of the random generators of Python, NumPy, PyTorch and, if in use, CUDA."""
    python = random.getstate()
    numpy = np.random.get_state(legacy=False)
    states: dict[str, Any] = {
        "python": [python[0], list(python[1]), python[2]],
        "numpy_key": torch.from_numpy(numpy["state"]["key"].astype(np.int64)),
        "numpy_position": int(numpy["state"]["pos"]),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def restore_random_states(states: dict[str, Any]) -> None:
    """Inverse of ``random_states``."""
    version, values, gauss = states["python"]
    random.setstate((version, tuple(values), gauss))
    numpy = np.random.get_state(legacy=False)
    numpy["state"]["key"] = states["numpy_key"].cpu().numpy().astype(np.uint32)
    numpy["state"]["pos"] = states["numpy_position"]
    np.random.set_state(numpy)
    torch.set_rng_state(states["torch"].cpu())
    if "cuda" in states and torch.cuda.is_available():
        for number, state in enumerate(states["cuda"][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(state.cpu(), number)
