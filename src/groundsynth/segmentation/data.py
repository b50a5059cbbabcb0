"""Chosen patches of the populations, in batches: the training mix and the real splits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.landcover import UNLABELLED
from groundsynth.segmentation.mixes import ALL, Count
from groundsynth.segmentation.populations import Population
from groundsynth.tables import read_table

AHEAD = 2
"""Batches that are read while the one before is computed on."""


@dataclass(frozen=True)
class Patches:
    """Chosen rows of populations, in a fixed order."""

    parts: tuple[tuple[Population, np.ndarray], ...]

    def __len__(self) -> int:
        return sum(len(rows) for _, rows in self.parts)

    @property
    def ids(self) -> list[str]:
        """The id of each patch, in order."""
        return [population.ids[row] for population, rows in self.parts for row in rows]

    @property
    def size(self) -> tuple[int, ...]:
        """Height and width in pixels; InputError when the populations differ."""
        sizes = {p.images.row_shape[:2] for p, rows in self.parts if len(rows)}
        if len(sizes) > 1:
            raise InputError(
                f"The populations of a mix have patches of different sizes {sorted(sizes)}; "
                "sample the generators at the size of the real patches."
            )
        return next(iter(sizes), ())

    def gather(self, positions: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
        """Images uint8 [B, H, W, 3] and masks uint8 [B, H, W] at ``positions``.

        Raises InputError when a mask holds a value that is neither a class nor 255.
        """
        images = np.empty((len(positions), *self.size, 3), np.uint8)
        for population, here, rows in self._found(positions):
            images[here] = population.images.gather(rows)
        return images, self.gather_masks(positions, classes)

    def gather_masks(self, positions: np.ndarray, classes: int) -> np.ndarray:
        """Masks uint8 [B, H, W] at ``positions``, checked as ``gather`` does."""
        masks = np.empty((len(positions), *self.size), np.uint8)
        for population, here, rows in self._found(positions):
            masks[here] = population.masks.gather(rows)
        self._check_classes(masks, positions, classes)
        return masks

    def _found(self, positions: np.ndarray) -> Iterator[tuple[Population, np.ndarray, np.ndarray]]:
        """Each population that is asked for: which of ``positions`` lie in it, and its rows."""
        start = 0
        for population, rows in self.parts:
            here = np.flatnonzero((positions >= start) & (positions < start + len(rows)))
            if len(here):
                yield population, here, rows[positions[here] - start]
            start += len(rows)

    def _check_classes(self, masks: np.ndarray, positions: np.ndarray, classes: int) -> None:
        wrong = (masks >= classes) & (masks != UNLABELLED)
        if wrong.any():
            row = int(np.flatnonzero(wrong.any((1, 2)))[0])
            raise InputError(
                f"The mask of {self.ids[positions[row]]} holds the value "
                f"{masks[row][wrong[row]][0]}, but the legend has {classes} classes; make the "
                "masks with the same legend."
            )


def split_of(population: Population, split: str) -> Patches:
    """The real patches of one split; InputError when there is none."""
    rows = np.flatnonzero(np.asarray(population.splits) == split)
    if not len(rows):
        raise InputError(
            f"The {split} split has no patch; enlarge the area or the split's fraction in "
            "splits.fractions, or lower splits.block_degrees."
        )
    return Patches(((population, rows),))


def first_samples(
    population: Population, count: Count, name: str, selection: Path | None = None
) -> Patches:
    """The first ``count`` samples by id, or all; ConfigurationError when there are fewer.

    With the table ``selection`` only the samples that it keeps count. Ids are compared as numbers
    are: seeds from 100,000,000 on have a ninth digit.
    """
    rows = np.arange(len(population.ids))
    if selection is not None:
        kept = kept_ids(selection, population.ids)
        rows = np.array([row for row, text in enumerate(population.ids) if text in kept], np.int64)
    wanted = len(rows) if count == ALL else count
    if wanted > len(rows) or not len(rows):
        raise ConfigurationError(_too_few(count, name, len(rows), population, selection))
    ids = np.asarray(population.ids, str)[rows]
    order = rows[np.lexsort((ids, np.char.str_len(ids)))]
    return Patches(((population, np.sort(order[:wanted])),))


def kept_ids(selection: Path, ids: Sequence[str]) -> set[str]:
    """Ids that a selection keeps; InputError unless it was made among exactly these ``ids``."""
    table = read_table(selection, "selection", ["id", "kept"])
    if set(table["id"].to_pylist()) != set(ids):
        raise InputError(
            f"{selection} was not made among the {len(ids)} samples of the mix; delete it and run "
            "select-samples again."
        )
    return set(table.filter(table["kept"])["id"].to_pylist())


def _too_few(
    count: Count, name: str, found: int, population: Population, selection: Path | None
) -> str:
    if selection is None:
        return (
            f"The mix asks for {count} {name} samples, but only {found} exist; lower the number "
            f"in the mix or raise the number of {name} samples."
        )
    remedy = "lower the number in the mix, or make it all," if found else "change the mix"
    return (
        f"The mix asks for {count} selected {name} samples, but {selection} keeps only {found} of "
        f"{len(population.ids)}; {remedy} or ask less of them in the section selection."
    )


def joined(parts: Iterable[Patches]) -> Patches:
    """Several sets of patches, one after another."""
    return Patches(tuple(part for patches in parts for part in patches.parts))


def shuffled_batches(
    count: int, batch: int, seed: int, first_step: int, last_step: int
) -> Iterator[np.ndarray]:
    """Positions of the batches of steps ``first_step`` to ``last_step`` (exclusive).

    Each pass over ``count`` patches has an order of its own that follows from the seed and the
    number of the pass, so that a resumed training sees the same batches. The few patches left
    over at the end of a pass wait for the next one: every batch has the same size.
    """
    size = min(batch, count)
    per_pass = count // size
    order, current = np.empty(0, np.int64), -1
    for step in range(first_step, last_step):
        number, place = divmod(step, per_pass)
        if number != current:
            order, current = np.random.default_rng([seed, number]).permutation(count), number
        yield order[place * size : (place + 1) * size]


def batches_in_order(count: int, batch: int) -> Iterator[np.ndarray]:
    """Positions 0 to ``count`` - 1 in batches; the last may be smaller."""
    for start in range(0, count, batch):
        yield np.arange(start, min(start + batch, count))


def read_batches(
    patches: Patches, positions: Iterable[np.ndarray], classes: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images and masks of each batch, read ahead by another thread."""
    waiting: deque[Future[tuple[np.ndarray, np.ndarray]]] = deque()
    with ThreadPoolExecutor(max_workers=1) as reader:
        for batch in positions:
            waiting.append(reader.submit(patches.gather, batch, classes))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
