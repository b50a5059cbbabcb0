"""Writes what the segmentation matrix measured: tables 3 and 4, each cell, the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from groundsynth.evaluation.mix_comparison import compare_mixes
from groundsynth.evaluation.sampling_units import units_of
from groundsynth.evaluation.significance import Resampling
from groundsynth.figures.columns import SIGNIFICANCE
from groundsynth.figures.printed_tables import write_for_reading
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
from groundsynth.figures.selection_table import Retention
from groundsynth.figures.table_files import Row, write_csv
from groundsynth.provenance import provenance
from groundsynth.segmentation.cells import Cell
from groundsynth.segmentation.quality_scores import Key
from groundsynth.tables import write_table


def write_segmentation_tables(
    cells: Sequence[Cell],
    qualities: Mapping[Key, Mapping[str, float | None]],
    mixes: dict[str, Any],
    names: tuple[str, ...],
    indices: Sequence[Path],
    block_degrees: float | None,
    resampling: Resampling,
    selections: Retention,
    folder: Path,
) -> list[Row]:
    """Tables 3 and 4, each cell by itself, and the tests between mixes, which are returned."""
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
        selections=selections,
    )
    for name, keys in (("table3", design.table3), ("table4", design.table4)):
        rows = score_rows(results, keys, design)
        write_csv(folder / f"{name}.csv", score_columns(list(keys)), rows)
        printed = printed_scores(rows, list(keys))
        note = note_of(results, keys, design)
        write_for_reading(folder, name, printed.columns, printed.rows, note)
    write_csv(folder / "cells.csv", cell_columns(names), cell_rows(cells, qualities, design))
    tests = significance_rows(results, design)
    write_csv(folder / "significance.csv", list(SIGNIFICANCE), tests)
    columns = {column: [row[column] for row in tests] for column in SIGNIFICANCE}
    record = provenance("make-tables", {**asdict(resampling), "block_degrees": block_degrees})
    write_table(folder / "significance.parquet", columns, "significance", record)
    return tests
