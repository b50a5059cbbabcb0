"""Shards of one population, opened together: images, masks and ids in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from groundsynth.errors import InputError
from groundsynth.shards import JoinedArrays
from groundsynth.tables import read_table


@dataclass(frozen=True)
class Population:
    """Images uint8 (N, H, W, 3), masks uint8 (N, H, W), N ids; the split of each real patch."""

    images: JoinedArrays
    masks: JoinedArrays
    ids: tuple[str, ...]
    splits: tuple[str, ...] = ()


def open_population(
    images: Sequence[Path], masks: Sequence[Path], indices: Sequence[Path], *, real: bool
) -> Population:
    """Open the shards of a population; InputError unless they belong together."""
    schema, key = ("real_index", "patch_id") if real else ("synthetic_index", "sample_id")
    columns = [key, "split"] if real else [key]
    if not len(images) == len(masks) == len(indices):
        raise InputError(
            f"There are {len(images)} image shards, {len(masks)} mask shards and {len(indices)} "
            "indices; give one of each for every shard."
        )
    tables = [read_table(path, schema, columns) for path in indices]
    texts = {c: tuple(v for table in tables for v in table[c].to_pylist()) for c in columns}
    population = Population(
        JoinedArrays(images), JoinedArrays(masks), texts[key], texts.get("split", ())
    )
    for picture, mask, table, place in zip(
        population.images.arrays, population.masks.arrays, tables, masks, strict=True
    ):
        _check_shard(picture, mask, len(table), place)
    return population


def _check_shard(images: np.ndarray, masks: np.ndarray, rows: int, place: Path) -> None:
    if not len(images) == len(masks) == rows:
        raise InputError(
            f"{place} holds {len(masks)} masks for {len(images)} images and {rows} rows of the "
            "index; delete these files and run the stage that writes them again."
        )
    if rows and images.shape[1:3] != masks.shape[1:]:
        raise InputError(
            f"{place} holds masks of {masks.shape[1:]} pixels for images of "
            f"{images.shape[1:3]}; delete it and run the stage that writes it again."
        )
