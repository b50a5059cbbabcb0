"""The verb ``make-tables``: what a run measured, as CSV and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from groundsynth.composition.statistics import compare_populations, population_compositions
from groundsynth.errors import InputError
from groundsynth.figures.caption_tables import (
    captioner_table,
    read_redundancies,
    read_scores,
    subset_table,
)
from groundsynth.figures.columns import (
    CLASS_PREFIX,
    COMPOSITION,
    DISTANCES,
    TABLE1,
    TABLE2,
    TABLE3,
    table4,
)
from groundsynth.figures.segmentation_cells import Cell, read_cells
from groundsynth.figures.table_files import Row, write_csv, write_markdown
from groundsynth.files import read_json
from groundsynth.landcover import Legend
from groundsynth.segmentation.metrics import scores
from groundsynth.tables import read_table

NOTE3 = (
    "Percent, over all labelled pixels of the real test split; macro means over the classes that "
    "occur in truth or prediction, the others are left out."
)
NOTE4 = "F1 in percent; a dash for a class that occurs neither in truth nor in prediction."
NOTE_CAPTIONS = (
    "Redundancy by exact strings: 1 - unique / captions of each captioner. CLIPScore: "
    "100 x max(cosine, 0) of image and caption in the image-text model; a model trained on this "
    "run has seen the real train patches with their captions, but no synthetic image."
)


def make_tables(
    *,
    confusions: list[Path],
    redundancies: list[Path],
    caption_scores: list[Path],
    compositions: list[Path],
    frechets: list[Path],
    indices: list[Path],
    legend: dict[str, Any],
    clip_name: str,
    folder: Path,
) -> None:
    """Write the tables of the run into a folder; without input a table has its header alone.

    table1 and table2 (captions by subset and by captioner), table3 and table4 (segmentation
    scores and F1 of each class, in percent), each as ``.csv`` with every digit and ``.md``
    rounded; composition.csv (class totals in percent, distances to the real population) and
    distances.csv (Fréchet distances). ``clip_name`` names the image-text model.
    """
    classes = Legend.from_json(legend)
    populations = population_compositions(compositions, classes)
    images = {name: len(shares) for name, (shares, _) in populations.items()}
    if indices:
        images["real"] = sum(len(read_table(p, "real_index", ["patch_id"])) for p in indices)
    counts, sums = read_redundancies(redundancies), read_scores(caption_scores)
    cells = read_cells(confusions, len(classes))
    both = [
        ("table1", TABLE1, subset_table(counts, images, sums, clip_name), NOTE_CAPTIONS),
        ("table2", TABLE2, captioner_table(counts, sums, clip_name), NOTE_CAPTIONS),
        ("table3", TABLE3, [score_row(cell) for cell in cells], NOTE3),
        (
            "table4",
            table4(classes.names),
            [class_row(cell, classes.names) for cell in cells],
            NOTE4,
        ),
    ]
    for name, columns, rows, note in both:
        write_csv(folder / f"{name}.csv", list(columns), rows)
        write_markdown(folder / f"{name}.md", columns, rows, note if rows else "")
    shares = compare_populations(populations, classes.names)
    write_csv(folder / "composition.csv", list(COMPOSITION), shares)
    write_csv(folder / "distances.csv", list(DISTANCES), distance_rows(frechets))


def score_row(cell: Cell) -> Row:
    """Table 3: macro scores of one cell in percent (paper, section on segmentation)."""
    found = scores(cell.counts)
    names = ("f1", "iou", "precision", "recall", "accuracy")
    return {
        **_key(cell),
        **{name: 100 * found[name] for name in names},
        "classes_left_out": found["classes_left_out"],
        "test_patches": cell.patches,
    }


def class_row(cell: Cell, names: Sequence[str]) -> Row:
    """Table 4: F1 of each class of one cell in percent, None for a class left out."""
    values = scores(cell.counts)["per_class"]["f1"]
    by_class = zip(names, values, strict=True)
    return {**_key(cell), **{CLASS_PREFIX + n: None if v is None else 100 * v for n, v in by_class}}


def distance_rows(paths: Sequence[Path]) -> list[Row]:
    """Fréchet distances to the real train split, beside those of the untrained generator and of
    the real test split; InputError when a file lacks them."""
    rows: list[Row] = []
    for path in paths:
        found = read_json(path)
        try:
            ratio = found["ratio"]
            rows.append(
                {
                    "population": found["population"],
                    "samples": found["counts"]["synthetic"],
                    "distance": found["distance"],
                    "untrained_distance": found["untrained_distance"],
                    "percent_of_untrained": None if ratio is None else 100 * ratio,
                    "real_test_distance": found["floor"],
                    "feature_model": found["feature_model"],
                }
            )
        except KeyError as missing:
            raise InputError(
                f"{path} has no {missing}; delete it and run its stage again."
            ) from None
    return rows


def _key(cell: Cell) -> dict[str, str]:
    return {"mix": cell.mix, "architecture": cell.architecture, "seed": str(cell.seed)}
