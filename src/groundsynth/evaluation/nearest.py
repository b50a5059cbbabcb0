"""Nearest neighbours by exhaustive search in blocks: exact, in memory that the block bounds."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.spatial.distance import cdist


class NearestSearch:
    """The nearest reference of each of ``queries`` float32 [N, D], by Euclidean distance.

    References are given part by part, and only the best so far is kept. ``block`` is the number of
    queries, and of references, that are compared at once: the search takes some 4 x block^2 bytes
    (and 8 x block x D) beside the arrays that it is given. Of references at equal distances the
    first one counts.

    |q - r|^2 = |q|^2 + |r|^2 - 2 q r finds the nearest by one matrix product, but in float32 it
    cannot tell a copy from a near neighbour; the distance of the one found is therefore taken
    from the difference of the two vectors.
    """

    def __init__(self, queries: np.ndarray, block: int) -> None:
        self.queries, self.block = np.asarray(queries, np.float32), block
        self.distances = np.full(len(queries), np.inf, np.float32)
        self.positions = np.full(len(queries), -1, np.int64)
        """Number of the nearest reference, counted over all parts; -1 where there was none."""
        self.seen = 0
        size = min(block, len(queries))
        self.products = np.empty(size * block, np.float32)

    def add(self, references: np.ndarray) -> None:
        """Compare with further ``references`` float32 [M, D]."""
        for start in range(0, len(references), self.block):
            part = np.asarray(references[start : start + self.block], np.float32)
            lengths = np.einsum("nd,nd->n", part, part)
            turned = -2 * part.T
            for first in range(0, len(self.queries), self.block):
                rows = slice(first, first + self.block)
                self._compare(rows, part, turned, lengths)
            self.seen += len(part)

    def _compare(
        self, rows: slice, part: np.ndarray, turned: np.ndarray, lengths: np.ndarray
    ) -> None:
        queries = self.queries[rows]
        products = self.products[: len(queries) * len(part)].reshape(len(queries), len(part))
        np.matmul(queries, turned, out=products)
        products += lengths  # |q|^2 is the same for all references
        found = products.argmin(1)
        differences = queries - part[found]
        distances = np.sqrt(np.einsum("nd,nd->n", differences, differences))
        better = distances < self.distances[rows]
        self.distances[rows][better] = distances[better]
        self.positions[rows][better] = self.seen + found[better]


def nearest(
    queries: np.ndarray, references: Iterable[np.ndarray], block: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distances float32 [N] to the nearest of all ``references``, and their numbers int64 [N]."""
    search = NearestSearch(queries, block)
    for part in references:
        search.add(part)
    return search.distances, search.positions


def several_nearest(
    queries: np.ndarray, references: Iterable[np.ndarray], count: int, block: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distances float64 [N, ``count``] of few ``queries`` to their nearest references, ascending.

    And the numbers int64 of these references, counted over all parts; fewer columns where there
    are fewer references. Every distance is taken from a difference of vectors, ``block``
    references at once: exact, and for a handful of queries fast enough.
    """
    distances = np.zeros((len(queries), 0))
    numbers = np.zeros((len(queries), 0), np.int64)
    seen = 0
    for part in references:
        for start in range(0, len(part), block):
            found = cdist(queries, part[start : start + block])
            here = np.broadcast_to(seen + np.arange(found.shape[1]), found.shape)
            distances = np.concatenate([distances, found], axis=1)
            numbers = np.concatenate([numbers, here], axis=1)
            order = distances.argsort(axis=1, kind="stable")[:, :count]
            distances = np.take_along_axis(distances, order, axis=1)
            numbers = np.take_along_axis(numbers, order, axis=1)
            seen += found.shape[1]
    return distances, numbers
