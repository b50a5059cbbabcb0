"""What a selection can ask of a synthetic sample: its scores, read from the run's tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from groundsynth.composition.shares import read_composition
from groundsynth.evaluation.plausibility import nearest_distances, plausible_distance
from groundsynth.evaluation.redundancy import NO_CAPTION
from groundsynth.landcover import Legend
from groundsynth.tables import SCHEMAS, read_table, read_tables

UNLABELLED_MOST = 100.0 - 1e-3


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What is asked of a sample, in the order in which it is asked; None or false asks nothing.

    ``min_confidence``: mean probability of the predicted classes, 0 to 1; ``plausible_percent``:
    a percentile, see evaluation.plausibility; then, of the captions of ``captioner``, precision
    and recall of the named classes, 0 to 1, and 100 x max(cosine, 0) of image and caption.
    """

    captioner: str | None = None
    min_confidence: float | None = None
    plausible_percent: float | None = None
    drop_near_duplicates: bool = False
    min_grounding_precision: float | None = None
    min_grounding_recall: float | None = None
    min_clipscore: float | None = None
    drop_repeated_captions: bool = False

    @property
    def asked(self) -> dict[str, Any]:
        """The criteria that are switched on."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(Thresholds)}
        del values["captioner"]
        return {name: v for name, v in values.items() if v is not None and v is not False}


@dataclass(frozen=True, kw_only=True)
class SelectionOptions(Thresholds):
    """The samples of a population and their tables; those of a criterion not asked may be empty."""

    population: str
    indices: list[Path]
    confidences: list[Path]
    compositions: list[Path]
    real_compositions: list[Path]
    real_indices: list[Path]
    audits: list[Path]
    groundings: list[Path]
    caption_scores: list[Path]
    captions: list[Path]
    legend: dict[str, Any]
    output: Path

    @property
    def tables(self) -> list[Path]:
        """Every table that is read."""
        values = [getattr(self, field.name) for field in dataclasses.fields(self)]
        return [path for value in values if isinstance(value, list) for path in value]


@dataclass(frozen=True)
class Criterion:
    """A score by sample id and the range in which it passes.

    A sample without that score fails by the reason ``no_<score>``, one outside by ``failure``.
    """

    score: str
    failure: str
    scores: Mapping[str, float]
    least: float = float("-inf")
    most: float = float("inf")

    def reason(self, name: str) -> str | None:
        """Why a sample fails; None where it passes."""
        value = self.scores.get(name)
        if value is None:
            return f"no_{self.score}"
        return None if self.least <= value <= self.most else self.failure


def criteria_of(options: SelectionOptions) -> Iterator[Criterion]:
    """The criteria that are switched on, in their order, with the scores that they need."""
    if (least := options.min_confidence) is not None:
        scores = _scores(options.confidences, "confidence", "confidence", options.population)
        yield Criterion("confidence", "low_confidence", scores, least)
    if options.plausible_percent is not None:
        yield _plausibility(options, options.plausible_percent)
    if options.drop_near_duplicates:
        scores = _scores(options.audits, "leak_audit", "near_duplicate", options.population)
        yield Criterion("audit", "near_duplicate", scores, most=0)
    yield from _caption_criteria(options)


def _caption_criteria(options: SelectionOptions) -> Iterator[Criterion]:
    asked = (
        ("grounding", "precision", options.groundings, options.min_grounding_precision),
        ("grounding", "recall", options.groundings, options.min_grounding_recall),
        ("caption_scores", "clipscore", options.caption_scores, options.min_clipscore),
    )
    for schema, column, paths, least in asked:
        if least is not None:
            scores = _scores(paths, schema, column, options.population, options.captioner)
            name = f"grounding_{column}" if schema == "grounding" else column
            yield Criterion(name, f"low_{name}", scores, least)


def _plausibility(options: SelectionOptions, percent: float) -> Criterion:
    """Distances of the samples' compositions to the real train split's, in points."""
    splits = read_tables(options.real_indices, "real_index", ["patch_id", "split"])
    train = set(splits.filter(pc.equal(splits["split"], "train"))["patch_id"].to_pylist())
    legend = Legend.from_json(options.legend)
    real = [row for name, row in _compositions(options.real_compositions, legend) if name in train]
    reference = np.stack(real) if real else np.zeros((0, len(legend)))
    most = plausible_distance(reference, percent)
    found = dict(_compositions(options.compositions, legend))
    shares = np.stack(list(found.values())) if found else np.zeros((0, len(legend)))
    distances = nearest_distances(shares, reference).tolist()
    scores = dict(zip(found, distances, strict=True))
    return Criterion("composition", "implausible_composition", scores, most=most)


def _compositions(paths: Sequence[Path], legend: Legend) -> Iterator[tuple[str, np.ndarray]]:
    """Id and shares [K] in percent of each map that has any label."""
    for path in paths:
        table = read_composition(path, legend)
        for row in np.flatnonzero(table.unlabelled < UNLABELLED_MOST):
            yield table.ids[row], table.shares[row]


def _scores(
    paths: Sequence[Path], schema: str, column: str, population: str, captioner: str | None = None
) -> dict[str, float]:
    """Sample id -> value of a column, of a population (and captioner), where it is not null."""
    found: dict[str, float] = {}
    keys = [name for name in ("population", "captioner") if name in SCHEMAS[schema].names]
    for path in paths:
        table = read_table(path, schema, [*keys, "id", column])
        table = table.filter(pc.equal(table["population"], population))
        if "captioner" in keys:
            table = table.filter(pc.equal(table["captioner"], captioner))
        table = table.filter(pc.is_valid(table[column]))
        found.update(zip(table["id"].to_pylist(), table[column].to_pylist(), strict=True))
    return found


def captions_of(options: SelectionOptions) -> dict[str, str] | None:
    """Sample id -> caption of the captioner, where there is one; None where none are compared."""
    if not options.drop_repeated_captions:
        return None
    found: dict[str, str] = {}
    for path in options.captions:
        columns = ["population", "id", "captioner", "caption", "status"]
        for row in read_table(path, "captions", columns).to_pylist():
            own = (row["population"], row["captioner"]) == (options.population, options.captioner)
            if own and row["status"] not in NO_CAPTION and row["caption"] is not None:
                found[row["id"]] = row["caption"]
    return found
