"""Table of the distances: each synthetic population beside what it has to be compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groundsynth.errors import InputError
from groundsynth.figures.columns import DISTANCES, FEATURE_MODEL
from groundsynth.figures.table_files import Row, write_csv, write_markdown
from groundsynth.files import read_json

SAMPLES, UNTRAINED, TEST = "samples", "untrained generator", "test split"
MANIFOLD = {"manifold_precision": "precision", "manifold_recall": "recall"}
"""Columns whose names in the segmentation tables mean something else."""
NOTE = (
    "Against the real train split; smaller distances are better. The untrained generator (same "
    "seed and architecture) is the ceiling, the real test split the floor. Few images give too "
    "large a Fréchet distance, so mind the counts; the paper's form is 50,000 samples against all "
    "train patches. The kernel distance (mean and deviation over random subsets) has no such bias. "
    "Precision and density say how far samples lie among real patches, recall and coverage how "
    "much of the real variety they have; these and the kernel distance are of the images chosen "
    "(a dash: too few). Distances in different features cannot be compared, and with those of "
    "publications only Inception's, at equal counts. Features: "
)


def write_distances(folder: Path, rows: Sequence[Row]) -> None:
    """Write distances.csv (every digit and column) and distances.md (rounded) into ``folder``."""
    write_csv(folder / "distances.csv", list(DISTANCES), rows)
    shown = {name: text for name, text in DISTANCES.items() if name not in FEATURE_MODEL}
    note = f"{NOTE}{'; '.join(feature_models(rows))}." if rows else ""
    write_markdown(folder / "distances.md", shown, rows, note)


def read_distances(measured: Sequence[Path]) -> list[Row]:
    """Rows of the files that ``measure-distances`` wrote, in their order.

    Of each file the samples and the untrained generator; the real test split once an extractor,
    after its populations. Raises InputError when a file lacks something.
    """
    rows: list[Row] = []
    floors: dict[str, Row] = {}
    for path in measured:
        found = read_json(path)
        try:
            rows += _population_rows(found)
            if found["floor"] is not None:
                floors[found["extractor"]] = _row(found, "real", TEST, found["floor"], "real_test")
        except KeyError as missing:
            raise InputError(
                f"{path} has no {missing}; delete it and run its stage again."
            ) from None
    names = list(dict.fromkeys(str(row["extractor"]) for row in rows))
    grouped = [[row for row in rows if row["extractor"] == name] for name in names]
    floor = [[floors[name]] if name in floors else [] for name in names]
    return [row for own, last in zip(grouped, floor, strict=True) for row in [*own, *last]]


def feature_models(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each extractor is, in words: network, dimensions, resizing, digest of its weights."""
    models = {row["extractor"]: row for row in rows}
    return [
        f"{name}: {row['feature_model']}, {row['dimensions']} dimensions, images "
        f"{row['preprocessing']}, SHA-256 of the weights {row['weights_digest']}"
        for name, row in models.items()
    ]


def _population_rows(found: Mapping[str, Any]) -> list[Row]:
    ratio = found["ratio"]
    percent = None if ratio is None else 100 * ratio
    population = found["population"]
    return [
        _row(found, population, SAMPLES, found, "synthetic", percent),
        _row(found, population, UNTRAINED, found["untrained"], "untrained"),
    ]


def _row(
    found: Mapping[str, Any],
    population: str,
    compared: str,
    measures: Mapping[str, Any],
    counted: str,
    percent: float | None = None,
) -> Row:
    """One line of the table: the measures of one set, and what stands with them."""
    names = ("distance", "kernel_distance", "kernel_deviation", "density", "coverage")
    return {
        "population": population,
        "compared": compared,
        "images": found["counts"][counted],
        "train_patches": found["counts"]["real_train"],
        "images_chosen": found["chosen"][counted],
        "train_patches_chosen": found["chosen"]["real_train"],
        "percent_of_untrained": percent,
        **{name: measures[name] for name in names},
        **{column: measures[name] for column, name in MANIFOLD.items()},
        **{name: found[name] for name in ("extractor", *FEATURE_MODEL)},
    }
