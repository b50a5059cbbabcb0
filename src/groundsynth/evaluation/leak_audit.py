"""The verb ``audit-leaks``: did a generator copy its training patches?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.evaluation.feature_sets import Part, real_parts
from groundsynth.evaluation.feature_tables import feature_model, read_features
from groundsynth.evaluation.leaks import Scale, Yardstick, judge
from groundsynth.evaluation.nearest import NearestSearch
from groundsynth.evaluation.shown_neighbours import neighbour_columns
from groundsynth.files import write_json
from groundsynth.progress import Progress
from groundsynth.provenance import provenance
from groundsynth.tables import write_table

GROUP = 20_000
"""Patches searched for at once, at least: each group reads the train features once more."""

Train = Callable[[], Iterator[Part]]
"""Ids and vectors of the train split, from its beginning at each call."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest train patch of each of some patches or samples, and its distance float32 [N]."""

    ids: list[str]
    nearest: list[str]
    distances: np.ndarray


def audit_leaks(
    *,
    real: list[Path],
    real_indices: list[Path],
    synthetic: list[Path],
    population: str,
    percentile: float,
    block: int,
    output: Path,
    summary: Path,
    neighbours: Path,
) -> None:
    """Find the nearest train patch of every sample, and say whether samples lie too near.

    Reads the feature tables of the real and synthetic shards and the real indices. Distances are
    Euclidean between features standardised by the train split, so that each counts alike. The
    yardstick is the real test split's own distances to the train split: a sample nearer than their
    ``percentile`` (percent) is a near-duplicate. Mirrored or turned copies are not looked for.
    Writes the table ``leak_audit`` (the samples, then the test patches as population ``real``),
    the ``summary`` (JSON), and the table ``neighbours``: the nearest train patches of a few
    samples, chosen from the nearest to the farthest one. The search is exhaustive, compares
    ``block`` x ``block`` vectors at once, and holds two tables of features in memory (at least
    20,000 samples), however many there are. Raises InputError
    when features do not belong together, or the train or test split has none.
    """
    if not 0 < percentile <= 50 or block < 1:
        raise ConfigurationError(
            f"An audit takes a percentile above 0 and up to 50, and blocks of 1 or more, not "
            f"{percentile} and {block}; correct evaluation.audit."
        )
    model = feature_model([*real, *synthetic])
    train = partial(real_parts, real, real_indices, "train")
    scale = Scale.of_parts(vectors for _, vectors in train())
    test_parts = real_parts(real, real_indices, "test")
    test = _neighbours(test_parts, train, scale, block, "real test patches")
    samples = _neighbours(_samples(synthetic), train, scale, block, f"{population} samples")
    yardstick = Yardstick(test.distances, percentile)
    record = provenance(
        "audit-leaks",
        {"percentile": percentile, "block": block, "standardised": True, "model": model},
        [*real, *real_indices, *synthetic],
    )
    _write(output, population, samples, test, yardstick, record)
    findings: dict[str, Any] = {
        "population": population,
        **judge(samples.distances, yardstick),
        "train_patches": scale.count,
        "feature_model": model,
        "provenance": record,
    }
    columns = neighbour_columns(
        population,
        samples.ids,
        samples.distances,
        _samples(synthetic),
        train(),
        scale=scale,
        block=block,
    )
    limits = {"threshold": yardstick.threshold, "real_test": findings["quantiles"]["real_test"]}
    write_table(neighbours, columns, "neighbours", {**record, **limits})
    write_json(summary, findings)


def _samples(tables: Sequence[Path]) -> Iterator[Part]:
    for path in tables:
        _, ids, vectors = read_features(path)
        yield ids, vectors


def _grouped(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts, small ones put together until they hold GROUP patches."""
    names: list[str] = []
    held: list[np.ndarray] = []
    for ids, vectors in parts:
        if len(ids):
            names, held = [*names, *ids], [*held, vectors]
        if len(names) >= GROUP:
            yield names, np.concatenate(held)
            names, held = [], []
    if names:
        yield names, np.concatenate(held)


def _neighbours(
    parts: Iterable[Part], train: Train, scale: Scale, block: int, what: str
) -> Neighbours:
    """The nearest train patch of each vector; InputError where there is no vector."""
    found = Neighbours([], [], np.zeros(0, np.float32))
    for ids, vectors in _grouped(parts):
        nearest, distances = _search(vectors, train, scale, block, what)
        found.ids.extend(ids)
        found.nearest.extend(nearest)
        found = replace(found, distances=np.concatenate([found.distances, distances]))
    if not found.ids:
        raise InputError(
            f"There are no features of {what}, without which samples cannot be judged; enlarge "
            "the split, or sample and extract features again."
        )
    return found


def _search(
    vectors: np.ndarray, train: Train, scale: Scale, block: int, what: str
) -> tuple[list[str], np.ndarray]:
    """The nearest train patch of each of ``vectors`` [N, D] and its distance, table by table."""
    if vectors.shape[1] != len(scale.mean):
        raise InputError(
            f"Features of {vectors.shape[1]} and of {len(scale.mean)} dimensions cannot be "
            "compared; extract all with the same model."
        )
    search = NearestSearch(scale.apply(vectors), block)
    found: list[str] = []
    with Progress(f"{len(vectors):,} {what}", scale.count, "train patches") as progress:
        for names, references in train():
            if not names:  # the table of a shard without patches knows no dimensions
                continue
            search.add(scale.apply(references))
            found.extend(names)
            progress.advance(len(names))
    if not np.isfinite(search.distances).all():
        raise InputError("The features hold values that are no numbers; extract them again.")
    return [found[row] for row in search.positions], search.distances


def _write(
    path: Path,
    population: str,
    samples: Neighbours,
    test: Neighbours,
    yardstick: Yardstick,
    record: dict[str, Any],
) -> None:
    both = (samples, test)
    distances = np.concatenate([found.distances for found in both])
    columns = {
        "population": [population] * len(samples.ids) + ["real"] * len(test.ids),
        "id": samples.ids + test.ids,
        "nearest_patch_id": samples.nearest + test.nearest,
        "distance": distances,
        "near_duplicate": yardstick.near(distances),
    }
    write_table(path, columns, "leak_audit", {**record, "threshold": yardstick.threshold})
