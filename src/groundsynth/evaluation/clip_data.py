"""Pairs of images and captions of one split, for training and measuring a CLIP model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from groundsynth.composition.ids import REAL
from groundsynth.errors import InputError
from groundsynth.shards import JoinedArrays
from groundsynth.tables import read_tables


@dataclass(frozen=True)
class Pairs:
    """Images of one split that have captions: their rows in the joined shards, their captions."""

    images: JoinedArrays
    rows: np.ndarray
    captions: list[list[str]]

    def __len__(self) -> int:
        return len(self.rows)

    def pixels(self, which: Sequence[int] | np.ndarray) -> np.ndarray:
        """uint8 [len(which), H, W, 3]."""
        return self.images.gather(self.rows[np.asarray(which, np.int64)])


def read_pairs(
    images: Sequence[Path], indices: Sequence[Path], captions: Sequence[Path], split: str
) -> Pairs:
    """Real images of ``split`` and all their captions of status ``ok``, joined by id.

    Raises InputError when images and indices differ in length.
    """
    joined = JoinedArrays(images)
    index = read_tables(indices, "real_index", ["patch_id", "split"])
    if len(index) != len(joined):
        raise InputError(
            f"The images hold {len(joined)} rows, their indices {len(index)}; give both of the "
            "same shards in the same order."
        )
    table = read_tables(captions, "captions", ["population", "id", "caption", "status"])
    texts: dict[str, list[str]] = {}
    for row in table.to_pylist():
        if row["population"] == REAL and row["status"] == "ok":
            texts.setdefault(row["id"], []).append(row["caption"])
    names, splits = (index.column(c).to_pylist() for c in ("patch_id", "split"))
    rows = [n for n, name in enumerate(names) if splits[n] == split and name in texts]
    return Pairs(joined, np.asarray(rows, np.int64), [texts[names[row]] for row in rows])
