"""Class shares of every mask: the composition table (paper, section 3: figure 3, captions)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from groundsynth.composition.ids import read_ids, require_rows
from groundsynth.errors import InputError
from groundsynth.landcover import Legend
from groundsynth.progress import Progress
from groundsynth.provenance import provenance
from groundsynth.shards import open_array
from groundsynth.tables import composition_schema, read_table, write_table

CHUNK = 64
VALUES = 256


@dataclass(frozen=True)
class Composition:
    """Composition of N images: populations and ids [N], shares [N, K] and unlabelled [N] in %."""

    populations: list[str]
    ids: list[str]
    shares: np.ndarray
    unlabelled: np.ndarray

    def aligned(self, ids: list[str], path: Path) -> Composition:
        """The same in the order of ``ids``; InputError, naming ``path``, where one is missing."""
        place = {name: row for row, name in enumerate(self.ids)}
        missing = [name for name in ids if name not in place]
        if missing:
            raise InputError(
                f"{path} has no composition of {missing[0]!r} ({len(missing)} missing); delete it "
                "and run compute-composition again."
            )
        rows = np.asarray([place[name] for name in ids], np.int64)
        populations = [self.populations[row] for row in rows]
        return Composition(populations, ids, self.shares[rows], self.unlabelled[rows])


def compute_composition(
    *,
    masks: Path,
    index: Path,
    population: str,
    mask_source: str,
    legend: dict[str, Any],
    output: Path,
) -> None:
    """Write the class shares of every mask of a shard.

    Reads masks, uint8 [N, H, W], and their index; writes one row for each mask: the share of
    each class in percent of the labelled pixels (their sum is 100), and the share of unlabelled
    pixels in percent of all. A mask without any label has shares of 0 and 100 % unlabelled.
    """
    classes = Legend.from_json(legend)
    ids = read_ids(index, population)
    array = open_array(masks, dimensions=3)
    require_rows(masks, len(array), index, ids)
    counts = _count_shard(array, len(classes), masks)
    shares, unlabelled = shares_of_counts(counts[:, :-1], counts[:, -1])
    columns: dict[str, Any] = {
        "population": [population] * len(ids),
        "id": ids,
        "mask_source": [mask_source] * len(ids),
        "unlabelled_share": unlabelled.astype(np.float32),
    }
    for number, name in enumerate(classes.names):
        columns[f"share_{name}"] = shares[:, number].astype(np.float32)
    record = provenance("compute-composition", {"mask_source": mask_source}, [masks, index])
    write_table(output, columns, composition_schema(classes), record)


def count_classes(masks: np.ndarray, classes: int) -> np.ndarray:
    """uint8 [N, H, W] masks -> int64 [N, classes + 1] pixels; the last column is unlabelled.

    Raises ValueError when a pixel is neither a class index nor UNLABELLED.
    """
    flat = np.asarray(masks).reshape(len(masks), -1)
    counts = np.empty((len(flat), classes + 1), np.int64)
    for row, values in enumerate(flat):
        found = np.bincount(values, minlength=VALUES)
        if found[classes:-1].any():
            wrong = classes + int(np.flatnonzero(found[classes:-1])[0])
            raise ValueError(f"row {row} holds the value {wrong}")
        counts[row, :classes] = found[:classes]
        counts[row, classes] = found[-1]
    return counts


def shares_of_counts(counts: np.ndarray, unlabelled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixel counts [N, K] and [N] -> shares [N, K] of the labelled, [N] of all, in percent."""
    labelled = counts.sum(axis=1)
    shares = 100.0 * counts / np.maximum(labelled, 1)[:, None]
    return shares, 100.0 * unlabelled / np.maximum(labelled + unlabelled, 1)


def read_composition(path: Path, legend: Legend) -> Composition:
    """Read one composition table; InputError when its classes are not those of ``legend``."""
    table = read_table(path, composition_schema(legend))
    columns = [table.column(f"share_{name}").to_numpy() for name in legend.names]
    shares = np.stack(columns, axis=1) if len(table) else np.zeros((0, len(legend)))
    return Composition(
        populations=table.column("population").to_pylist(),
        ids=table.column("id").to_pylist(),
        shares=shares.astype(np.float64),
        unlabelled=table.column("unlabelled_share").to_numpy().astype(np.float64),
    )


def _count_shard(array: np.ndarray, classes: int, path: Path) -> np.ndarray:
    parts = [np.zeros((0, classes + 1), np.int64)]
    with Progress("composition", len(array), "masks") as progress:
        for start in range(0, len(array), CHUNK):
            chunk = array[start : start + CHUNK]
            try:
                parts.append(count_classes(chunk, classes))
            except ValueError as error:
                raise InputError(
                    f"{path} does not fit the legend of {classes} classes (mask {start} or after: "
                    f"{error}); make the masks again with the legend of this run."
                ) from None
            progress.advance(len(chunk))
    return np.concatenate(parts)
