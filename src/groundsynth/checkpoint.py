"""Checkpoints of a training: written whole, the last two kept, loaded without pickled code."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from groundsynth.files import atomic

LATEST, PREVIOUS = "checkpoint.pt", "checkpoint.previous.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, text, lists, dicts) and the random states of all
    generators; the checkpoint before it is kept beside it."""
    with atomic(folder / LATEST) as temporary:
        torch.save({**state, "random_states": random_states()}, temporary)
        if (folder / LATEST).exists():
            (folder / LATEST).replace(folder / PREVIOUS)


def load_checkpoint(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """Load the newest checkpoint and restore the random states; None when there is none.

    A checkpoint that cannot be read (a disk that filled up) is passed over with a word for the
    one before it.
    """
    for name in (LATEST, PREVIOUS):
        path = folder / name
        if not path.exists():
            continue
        try:
            state: dict[str, Any] = torch.load(
                path, map_location=device, weights_only=True
            )
        except (RuntimeError, EOFError, OSError, ValueError) as error:
            print(f"{path} cannot be read ({error}); trying the one before it.")
            continue
        restore_random_states(state.pop("random_states"))
        return state
    return None


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
        torch.cuda.set_rng_state_all([state.cpu() for state in states["cuda"]])
