"""A few samples over the whole range of distances, each with its nearest training patches.

What figure 5 of the paper shows (section on the distribution of the synthetic images): the
samples that lie nearest to real patches say whether any was copied, the others how new they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from groundsynth.evaluation.feature_sets import Part
from groundsynth.evaluation.leaks import Scale
from groundsynth.evaluation.nearest import several_nearest

SAMPLES, NEIGHBOURS = 5, 4
"""Samples shown of a population, and training patches beside each."""


def spread_over(
    distances: np.ndarray, ids: Sequence[str], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ``count`` samples from the nearest to the farthest at equal steps of rank (int64).

    And the percentage of the other samples that lie nearer than each. Equal distances stand in
    the order of their ids; of fewer samples all are taken.
    """
    order = np.lexsort((np.asarray(ids), distances))
    last = len(order) - 1
    places = np.linspace(0, last, min(count, len(order))).round().astype(np.int64)
    return order[places], 100 * places / max(last, 1)


def neighbour_columns(
    population: str,
    ids: Sequence[str],
    distances: np.ndarray,
    samples: Iterable[Part],
    train: Iterable[Part],
    *,
    scale: Scale,
    block: int,
) -> dict[str, Any]:
    """Columns of the table ``neighbours``: a row for each neighbour of each sample shown.

    ``distances`` float32 [N] are those of the samples ``ids`` to their nearest train patch;
    ``samples`` and ``train`` are ids and features, table by table, not yet standardised.
    """
    rows, nearer = spread_over(distances, ids, SAMPLES)
    chosen = [ids[row] for row in rows]
    names: list[str] = []
    references = _standardised(train, scale, names)
    found, places = several_nearest(
        scale.apply(_vectors_of(chosen, samples)), references, NEIGHBOURS, block
    )
    count, deep = found.shape
    return {
        "population": [population] * (count * deep),
        "id": np.repeat(chosen, deep).tolist(),
        "nearer_percent": np.repeat(nearer, deep).tolist(),
        "rank": np.tile(np.arange(1, deep + 1), count).tolist(),
        "patch_id": [names[place] for place in places.ravel()],
        "distance": found.ravel().astype(np.float32),
    }


def _standardised(parts: Iterable[Part], scale: Scale, names: list[str]) -> Iterator[np.ndarray]:
    """The vectors of each part, standardised; their ids are added to ``names``."""
    for ids, vectors in parts:
        if len(ids):
            names.extend(ids)
            yield scale.apply(vectors)


def _vectors_of(ids: Sequence[str], parts: Iterable[Part]) -> np.ndarray:
    """float32 [N, D]: the vectors of these ids, in their order."""
    wanted = set(ids)
    found = {
        name: vector.copy()  # a view would hold the whole table
        for names, vectors in parts
        for name, vector in zip(names, vectors, strict=True)
        if name in wanted
    }
    return np.stack([found[name] for name in ids])
