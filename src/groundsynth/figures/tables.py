"""The verb ``make-tables``: what a run measured, as CSV, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from groundsynth.composition.rare_classes import Compositions, rare_class_rows, rare_classes
from groundsynth.composition.statistics import compare_populations, population_compositions
from groundsynth.evaluation.significance import Resampling
from groundsynth.figures.caption_details import write_caption_details
from groundsynth.figures.caption_sets import NOTE as NOTE_SETS
from groundsynth.figures.caption_sets import is_own, other_sets
from groundsynth.figures.caption_tables import (
    captioner_table,
    read_redundancies,
    read_scores,
    subset_table,
)
from groundsynth.figures.columns import (
    CAPTION_SCORES,
    CLASS_PREFIX,
    COMPOSITION,
    LEAKS,
    RARE,
    SIGNIFICANCE,
    SILHOUETTES,
    TABLE1,
    TABLE2,
    without_empty,
)
from groundsynth.figures.distance_tables import read_distances, write_distances
from groundsynth.figures.leak_table import leak_rows
from groundsynth.figures.printed_tables import write_for_reading
from groundsynth.figures.published_figures import (
    Figures,
    beside_paper,
    published_captioner,
    published_captioners,
    published_sets,
    published_subset,
)
from groundsynth.figures.segmentation_files import write_segmentation_tables
from groundsynth.figures.selection_table import write_selections
from groundsynth.figures.silhouettes import silhouette_rows
from groundsynth.figures.table_files import Row, write_csv
from groundsynth.landcover import Legend
from groundsynth.segmentation.cells import read_cells
from groundsynth.segmentation.quality_scores import read_qualities
from groundsynth.sources.model_receipt import models_sentence
from groundsynth.tables import read_table

NOTE_CAPTIONS = (
    "Redundancy by exact strings: 1 - unique / captions of each captioner. CLIPScore: "
    "100 x max(cosine, 0) of image and caption in the image-text model; a model trained on this "
    "run has seen the real train patches with their captions, but no synthetic image. All captions "
    "of all samples count: a selection leaves none out."
)


def make_tables(
    *,
    confusions: list[Path],
    qualities: list[Path],
    redundancies: list[Path],
    caption_sets: list[Path],
    receipts: list[Path],
    caption_scores: list[Path],
    groundings: list[Path],
    compositions: list[Path],
    measured: list[Path],
    coordinates: list[Path],
    audits: list[Path],
    selections: list[Path],
    indices: list[Path],
    legend: dict[str, Any],
    clip_name: str,
    mixes: dict[str, Any],
    confidence: float,
    resamples: int,
    permutations: int,
    block_degrees: float | None,
    seed: int,
    folder: Path,
) -> None:
    """Write the tables of the run into a folder; without input a table has its header alone.

    table1 and table2 (captions by subset and by captioner), table3 and table4 (segmentation
    scores and F1 of each class by mix and architecture, in percent), each as ``.csv`` with every
    digit, ``.md`` and ``.tex`` rounded, beside the paper's figures; in table1 also the paper's
    sets of other makes and those of ``caption_sets`` (what ``score-caption-set`` wrote), below
    table2 the models of the ``receipts`` with their commits; diversity and grounding
    (captions against maps) as ``.csv`` and ``.md``; cells.csv (each training by itself, with
    boundary F1 and calibration error); significance.csv and .parquet (tests between mixes);
    composition.csv (class totals in percent, distances to the real population);
    rare_classes.csv and rare_gains.csv (how often rare classes occur, their gains by mix);
    distances.csv and .md (distances in the features of each extractor); silhouettes.csv;
    leaks.csv (summaries of the leak audit, with a verdict in words); selection.csv and .md
    (samples kept, and dropped by reason).
    ``clip_name`` names the image-text model. ``mixes``: name -> parts. Intervals and tests draw
    test patches, or blocks of ``block_degrees``; see evaluation.significance.
    """
    classes = Legend.from_json(legend)
    populations = population_compositions(compositions, classes)
    images = {name: len(shares) for name, (shares, _) in populations.items()}
    if indices:
        images["real"] = sum(len(read_table(p, "real_index", ["patch_id"])) for p in indices)
    counts, sums = read_redundancies(redundancies), read_scores(caption_scores)
    cells = read_cells(confusions, len(classes))
    others = read_qualities(qualities, len(classes))
    own = subset_table(counts, images, sums, clip_name)
    first = [*own, *other_sets(caption_sets)] if own or caption_sets else []
    second = captioner_table(counts, sums, clip_name)
    models = models_sentence(receipts)
    captions = [
        ("table1", TABLE1, first, paper_subsets(counts), NOTE_SETS),
        ("table2", TABLE2, second, paper_captioners, models),
    ]
    distances, silhouettes = read_distances(measured), silhouette_rows(coordinates)
    leaks = leak_rows(audits)
    for name, columns, rows, paper, further in captions:
        both = beside_paper(rows, paper, CAPTION_SCORES)
        write_csv(folder / f"{name}.csv", list(columns), both)
        shown = {column: columns[column] for column in without_empty(list(columns), both)}
        write_for_reading(folder, name, shown, both, f"{NOTE_CAPTIONS} {further}".strip())
    write_caption_details(folder, counts, groundings)
    resampling = Resampling(confidence, resamples, permutations, seed)
    tests = write_segmentation_tables(
        cells,
        others,
        mixes,
        classes.names,
        indices,
        block_degrees,
        resampling,
        write_selections(selections, folder),
        folder,
    )
    _composition_tables(populations, classes.names, tests, folder)
    write_distances(folder, distances)
    write_csv(folder / "leaks.csv", list(LEAKS), leaks)
    write_csv(folder / "silhouettes.csv", list(SILHOUETTES), silhouettes)


def _composition_tables(
    populations: Compositions, names: Sequence[str], tests: Sequence[Row], folder: Path
) -> None:
    """Class totals and distances, how often rare classes occur, and their gains by mix."""
    write_csv(
        folder / "composition.csv", list(COMPOSITION), compare_populations(populations, names)
    )
    write_csv(folder / "rare_classes.csv", list(RARE), rare_class_rows(populations, names))
    scores = {CLASS_PREFIX + names[number] for number in rare_classes(populations)}
    rare = [row for row in tests if row["table"] == "table4" and row["score"] in scores]
    write_csv(folder / "rare_gains.csv", list(SIGNIFICANCE), rare)


def paper_subsets(captioners: Collection[str]) -> Callable[[Row], Figures]:
    """Table 1 of the paper by our rows; it is one of the paper's five captioners together, and of
    sets that others captioned."""
    same = set(captioners) == published_captioners()

    def figures(row: Row) -> Figures:
        name = str(row["subset"])
        known = same if is_own(row) else name in published_sets()
        return published_subset(name) if known else {}

    return figures


def paper_captioners(row: Row) -> Figures:
    """Table 2 of the paper by our rows."""
    return published_captioner(str(row["subset"]), str(row["captioner"]))
