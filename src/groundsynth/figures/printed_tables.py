"""The forms of a result table that people read: Markdown, and LaTeX for papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from groundsynth.figures.latex import write_latex
from groundsynth.figures.table_files import Row, write_markdown

TITLES = {
    "table1": "Captions of each subset.",
    "table2": "Captions of each captioner.",
    "table3": "Segmentation scores in percent, by training mix and architecture.",
    "table4": "F1 of each class in percent, by training mix and architecture.",
}


def write_for_reading(
    folder: Path, name: str, columns: Mapping[str, str], rows: Sequence[Row], note: str
) -> None:
    """The Markdown and the LaTeX form of a table; the note only where there are rows."""
    note = note if rows else ""
    write_markdown(folder / f"{name}.md", columns, rows, note)
    write_latex(folder / f"{name}.tex", columns, rows, caption=TITLES[name], note=note)
