"""Patches that a generator has never seen: the test split, and a proof that it is held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from groundsynth.errors import InputError
from groundsynth.gan.real_patches import train_split_digest
from groundsynth.gan.sampling import ranked
from groundsynth.segmentation.data import Patches, split_of
from groundsynth.segmentation.populations import Population, open_population


def open_splits(
    images: Sequence[Path],
    masks: Sequence[Path],
    indices: Sequence[Path],
    generator: Path,
    description: Mapping[str, Any],
) -> tuple[Patches, Patches]:
    """The test and the train split of the real shards, which ``generator`` was trained on.

    Raises InputError when its ``description`` names another train split than the indices do: a
    patch of the test split might have been seen in training.
    """
    real = open_population(images, masks, indices, real=True)
    train = split_of(real, "train")
    if description.get("train_split") != train_split_digest(train.ids):
        raise InputError(
            f"{generator} was trained on another train split than {indices[0]} and the other "
            "indices list, so their test patches may be known to it; train it again on these "
            "shards."
        )
    return split_of(real, "test"), train


def chosen(patches: Patches, count: int, seed: int) -> Patches:
    """``count`` patches, or all of fewer, in the order of a hash of ``seed`` and patch id."""
    (population, rows) = _only_part(patches)
    order = ranked(patches.ids, seed)[:count]
    return Patches(((population, rows[order]),))


def _only_part(patches: Patches) -> tuple[Population, np.ndarray]:
    ((population, rows),) = patches.parts
    return population, rows
