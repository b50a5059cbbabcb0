"""Weights of the classes in the loss, from how often each occurs in the training mix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch

from groundsynth.files import read_json, write_json
from groundsynth.processes import Processes
from groundsynth.progress import Progress
from groundsynth.run_state import RunState
from groundsynth.segmentation.data import Patches, batches_in_order

ClassWeights = Literal["balanced"]
FILE = "class_weights.json"
LEAST, MOST = 0.1, 10.0
"""Limits of a weight: a class of a few pixels must not rule the gradient, nor one fall silent."""
BLOCK = 64
"""Masks that are counted together: 4 MB of patches of 256 pixels."""


def balanced_weights(counts: np.ndarray) -> np.ndarray:
    """Weight float64 [K] of each class, from its number of pixels int64 [K].

    Inversely proportional to the class's share of the labelled pixels, with mean 1 over the
    classes that occur, then clipped to LEAST and MOST. A class that does not occur gets 1: no
    pixel asks for it, and equal shares of all others give the unweighted loss.
    """
    occurring = counts > 0
    weights = np.ones(len(counts))
    if occurring.any():
        inverse = 1 / counts[occurring]
        weights[occurring] = np.clip(inverse / inverse.mean(), LEAST, MOST)
    return weights


def count_classes(
    patches: Patches, classes: int, after_block: Callable[[int], None] = lambda size: None
) -> np.ndarray:
    """Labelled pixels int64 [K] of each class in all masks, read in blocks.

    ``after_block`` is called with the size of each block. Raises InputError when a mask holds a
    value that is neither a class nor 255.
    """
    counts = np.zeros(classes, np.int64)
    for positions in batches_in_order(len(patches), BLOCK):
        masks = patches.gather_masks(positions, classes)
        counts += np.bincount(masks.ravel(), minlength=256)[:classes]
        after_block(len(positions))
    return counts


def weights_of(
    patches: Patches, classes: int, state: RunState, processes: Processes
) -> np.ndarray | None:
    """Balanced weights float64 [K] of a mix, counted once and kept in the state folder.

    The first of the processes counts for all. None in all of them when it is asked to stop before
    the count is whole: it starts again.
    """
    found = _kept_weights(patches, classes, state) if processes.first else None
    if processes.any(processes.first and found is None):
        return None
    weights = torch.zeros(classes, dtype=torch.float64)
    if found is not None:
        weights += torch.tensor(found, dtype=torch.float64)
    processes.add_up(weights)
    return weights.numpy()


def _kept_weights(patches: Patches, classes: int, state: RunState) -> list[float] | None:
    path = state.folder / FILE
    if not path.exists():
        with Progress("class weights", len(patches), "patch") as progress:

            def after_block(size: int) -> None:
                progress.advance(size)
                if state.should_stop():
                    raise _AskedToStop

            try:
                counts = count_classes(patches, classes, after_block)
            except _AskedToStop:
                return None
        write_json(path, {"weights": balanced_weights(counts).tolist()})
    kept: list[float] = read_json(path)["weights"]
    return kept


class _AskedToStop(Exception):
    """The count is left at once."""
