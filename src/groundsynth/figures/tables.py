"""The verb ``make-tables``: what a run measured, as CSV, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from groundsynth.composition.statistics import compare_populations, population_compositions
from groundsynth.evaluation.mix_comparison import compare_mixes
from groundsynth.evaluation.sampling_units import units_of
from groundsynth.evaluation.significance import Resampling
from groundsynth.figures.caption_tables import (
    captioner_table,
    read_redundancies,
    read_scores,
    subset_table,
)
from groundsynth.figures.columns import (
    CAPTION_SCORES,
    COMPOSITION,
    SIGNIFICANCE,
    TABLE1,
    TABLE2,
    without_empty,
)
from groundsynth.figures.distance_tables import read_distances, write_distances
from groundsynth.figures.latex import write_latex
from groundsynth.figures.published_figures import (
    Figures,
    beside_paper,
    published_captioner,
    published_captioners,
    published_subset,
)
from groundsynth.figures.score_notes import note_of
from groundsynth.figures.score_text import printed_scores
from groundsynth.figures.segmentation_tables import (
    Design,
    cell_columns,
    cell_rows,
    score_columns,
    score_rows,
    significance_rows,
)
from groundsynth.figures.table_files import Row, write_csv, write_markdown
from groundsynth.landcover import Legend
from groundsynth.provenance import provenance
from groundsynth.segmentation.cells import Cell, read_cells
from groundsynth.tables import read_table, write_table

NOTE_CAPTIONS = (
    "Redundancy by exact strings: 1 - unique / captions of each captioner. CLIPScore: "
    "100 x max(cosine, 0) of image and caption in the image-text model; a model trained on this "
    "run has seen the real train patches with their captions, but no synthetic image."
)
TITLES = {
    "table1": "Captions of each subset.",
    "table2": "Captions of each captioner.",
    "table3": "Segmentation scores in percent, by training mix and architecture.",
    "table4": "F1 of each class in percent, by training mix and architecture.",
}


def make_tables(
    *,
    confusions: list[Path],
    redundancies: list[Path],
    caption_scores: list[Path],
    compositions: list[Path],
    measured: list[Path],
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
    digit, ``.md`` and ``.tex`` rounded, beside the paper's figures; cells.csv (each training by
    itself); significance.csv and .parquet (the tests between mixes); composition.csv (class
    totals in percent, distances to the real population); distances.csv and .md (distances in the
    features of each extractor).
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
    captions = [
        ("table1", TABLE1, subset_table(counts, images, sums, clip_name), paper_subsets(counts)),
        ("table2", TABLE2, captioner_table(counts, sums, clip_name), paper_captioners),
    ]
    shares = compare_populations(populations, classes.names)
    distances = read_distances(measured)
    for name, columns, rows, paper in captions:
        both = beside_paper(rows, paper, CAPTION_SCORES)
        write_csv(folder / f"{name}.csv", list(columns), both)
        shown = {column: columns[column] for column in without_empty(list(columns), both)}
        _write_for_reading(folder, name, shown, both, NOTE_CAPTIONS)
    resampling = Resampling(confidence, resamples, permutations, seed)
    _segmentation_tables(cells, mixes, classes.names, indices, block_degrees, resampling, folder)
    write_csv(folder / "composition.csv", list(COMPOSITION), shares)
    write_distances(folder, distances)


def _segmentation_tables(
    cells: Sequence[Cell],
    mixes: dict[str, Any],
    names: tuple[str, ...],
    indices: Sequence[Path],
    block_degrees: float | None,
    resampling: Resampling,
    folder: Path,
) -> None:
    """Tables 3 and 4, each cell by itself, and the tests between mixes."""
    units = units_of(cells[0].ids if cells else (), indices, block_degrees)
    results = compare_mixes(cells, mixes, units, resampling)
    design = Design(
        mixes=mixes,
        names=names,
        architectures=frozenset(cell.architecture for cell in cells),
        patches=len(units),
        units=len(set(units.tolist())),
        block_degrees=block_degrees,
        resampling=resampling,
    )
    for name, keys in (("table3", design.table3), ("table4", design.table4)):
        rows = score_rows(results, keys, design)
        write_csv(folder / f"{name}.csv", score_columns(list(keys)), rows)
        printed = printed_scores(rows, list(keys))
        note = note_of(results, keys, design)
        _write_for_reading(folder, name, printed.columns, printed.rows, note)
    write_csv(folder / "cells.csv", cell_columns(names), cell_rows(cells, names))
    tests = significance_rows(results, design)
    write_csv(folder / "significance.csv", list(SIGNIFICANCE), tests)
    columns = {column: [row[column] for row in tests] for column in SIGNIFICANCE}
    record = provenance("make-tables", {**asdict(resampling), "block_degrees": block_degrees})
    write_table(folder / "significance.parquet", columns, "significance", record)


def _write_for_reading(
    folder: Path, name: str, columns: Mapping[str, str], rows: Sequence[Row], note: str
) -> None:
    """The Markdown and the LaTeX form of a table; the note only where there are rows."""
    note = note if rows else ""
    write_markdown(folder / f"{name}.md", columns, rows, note)
    write_latex(folder / f"{name}.tex", columns, rows, caption=TITLES[name], note=note)


def paper_subsets(captioners: Collection[str]) -> Callable[[Row], Figures]:
    """Table 1 of the paper by our rows; it is one of the paper's five captioners together."""
    same = set(captioners) == published_captioners()
    return lambda row: published_subset(str(row["subset"])) if same else {}


def paper_captioners(row: Row) -> Figures:
    """Table 2 of the paper by our rows."""
    return published_captioner(str(row["subset"]), str(row["captioner"]))
