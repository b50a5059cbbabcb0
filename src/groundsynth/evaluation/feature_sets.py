"""Sets of features too large for memory: moments of all vectors, and a seeded choice of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from groundsynth.errors import InputError
from groundsynth.evaluation.feature_tables import read_features
from groundsynth.evaluation.moments import Moments
from groundsynth.tables import read_table

Part = tuple[Sequence[str], np.ndarray]
"""Ids and vectors float32 [N, D] of one shard."""


@dataclass(frozen=True)
class FeatureSet:
    """Moments of all vectors of a set, and those chosen of them [at most the limit, D]."""

    what: str
    total: Moments | None
    """None for a set without vectors."""
    chosen: np.ndarray

    @property
    def count(self) -> int:
        """Number of all vectors."""
        return 0 if self.total is None else self.total.count

    @property
    def moments(self) -> Moments:
        """Moments of all vectors; InputError where there is none."""
        if self.total is None:
            raise InputError(
                f"There are no features of {self.what}; run the stage that extracts them again."
            )
        return self.total

    @classmethod
    def of_parts(cls, parts: Iterable[Part], what: str, limit: int, seed: int) -> FeatureSet:
        """The set of all parts, read one after another; memory does not grow with their number.

        Chosen are the ``limit`` vectors whose ids have the smallest hashes with the seed: the
        same ones whatever the shards and their order. ``what`` names the set in errors.
        """
        total: Moments | None = None
        ranks: list[str] = []
        chosen = np.zeros((0, 0), np.float32)
        for ids, vectors in parts:
            if not len(vectors):
                continue
            found = Moments.of(vectors)
            total = found if total is None else total + found
            ranks += [hashlib.sha256(f"{seed}/{name}".encode()).hexdigest() for name in ids]
            both = np.concatenate([chosen, vectors]) if len(chosen) else np.asarray(vectors)
            order = np.argsort(ranks)[:limit]
            ranks, chosen = [ranks[n] for n in order], both[order]
        return cls(what, total, chosen)


def real_parts(features: Sequence[Path], indices: Sequence[Path], split: str) -> Iterator[Part]:
    """Real features of one split, shard by shard, joined with the indices by id.

    Raises InputError when a feature's patch is in no index.
    """
    splits: dict[str, str] = {}
    for path in indices:
        table = read_table(path, "real_index", ["patch_id", "split"])
        splits.update(zip(table["patch_id"].to_pylist(), table["split"].to_pylist(), strict=True))
    for path in features:
        _, ids, vectors = read_features(path)
        unknown = next((name for name in ids if name not in splits), None)
        if unknown is not None:
            raise InputError(
                f"{path} has the patch {unknown}, which no index lists; extract the features again."
            )
        yield _kept(ids, vectors, {name for name in ids if splits[name] == split})


def first_parts(features: Sequence[Path], count: int) -> Iterator[Part]:
    """Features of the ``count`` samples of the lowest seeds, shard by shard.

    Seeds stand with eight digits in the ids, so that the order of the ids is theirs.
    """
    columns = [read_table(path, "features", ["id"])["id"].to_pylist() for path in features]
    wanted = set(sorted(name for column in columns for name in column)[:count])
    for path in features:
        _, ids, vectors = read_features(path)
        yield _kept(ids, vectors, wanted)


def _kept(ids: Sequence[str], vectors: np.ndarray, wanted: set[str]) -> Part:
    keep = np.array([name in wanted for name in ids], bool)
    return [name for name in ids if name in wanted], vectors[keep]
