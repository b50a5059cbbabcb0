"""Which patches of the mix stand in each batch: all alike, or as many of every population."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from groundsynth.segmentation.data import Patches, shuffled_batches

Sampling = Literal["uniform", "balanced"]
BALANCED = 2
"""Sets the random numbers of balanced orders apart from the others of a training's seed."""


def training_batches(
    patches: Patches, sampling: Sampling, batch: int, seed: int, first_step: int, last_step: int
) -> Iterator[np.ndarray]:
    """Positions in ``patches`` of the batches of the steps (``last_step`` exclusive).

    ``uniform``: passes over the whole mix; ``balanced``: each batch equally from every population.
    What a step takes follows from the seed and its number alone.
    """
    if sampling == "uniform":
        return shuffled_batches(len(patches), batch, seed, first_step, last_step)
    counts = [len(rows) for _, rows in patches.parts]
    return balanced_batches(counts, batch, seed, first_step, last_step)


def balanced_batches(
    counts: Sequence[int], batch: int, seed: int, first_step: int, last_step: int
) -> Iterator[np.ndarray]:
    """Positions of batches that take turns among populations of ``counts`` patches in a row.

    The places of all batches, one after another, go to the populations in turn: each batch has
    equally many of every one, and who gets what a division leaves over changes from step to
    step. A population goes through its patches in an order that follows from the seed and the
    number of the pass, then anew in another one, within a batch if it is shorter than its share.
    """
    size, turns = min(batch, sum(counts)), len(counts)
    starts = np.cumsum([0, *counts])
    orders = [_Orders(count, seed, number) for number, count in enumerate(counts)]
    for step in range(first_step, last_step):
        ends = [
            [(places + turns - 1 - number) // turns for places in (step * size, (step + 1) * size)]
            for number in range(turns)
        ]
        parts = [
            starts[number] + orders[number].between(first, last)
            for number, (first, last) in enumerate(ends)
        ]
        yield np.concatenate(parts)


class _Orders:
    """The endless sequence of one population's patches: pass after pass, each in its order."""

    def __init__(self, count: int, seed: int, number: int) -> None:
        self.count, self.seed, self.number = count, seed, number
        self.current, self.order = -1, np.empty(0, np.int64)

    def between(self, first: int, last: int) -> np.ndarray:
        """Members ``first`` to ``last`` (exclusive) of the sequence."""
        members = [self._member(place) for place in range(first, last)]
        return np.array(members, np.int64)

    def _member(self, place: int) -> int:
        number, within = divmod(place, self.count)
        if number != self.current:
            draw = np.random.default_rng([self.seed, number, self.number, BALANCED])
            self.order, self.current = draw.permutation(self.count), number
        return int(self.order[within])
