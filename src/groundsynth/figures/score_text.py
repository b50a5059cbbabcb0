"""Tables 3 and 4 for reading: each score with its spread, interval and mark, the paper's below.

One row of the CSV file becomes one line, or three where the paper has the same cell: this run,
the paper, and the difference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from groundsynth.figures.columns import CELL, DIFFERENCE, PAPER, heading
from groundsynth.figures.table_files import Value, readable

MARKS = {"gain": " ↑", "loss": " ↓"}
SPREAD, LOW, HIGH, MARK = "_std", "_low", "_high", "_mark"
SOURCE = "source"
THIS_RUN, THE_PAPER, THE_DIFFERENCE = "this run", "paper", "difference"


@dataclass(frozen=True)
class Printed:
    """A table of texts: column -> heading, and rows of one text a column."""

    columns: dict[str, str]
    rows: list[dict[str, str]]


def scores_in(columns: Sequence[str]) -> list[str]:
    """The scores among the columns of a CSV table: those that the paper may have."""
    return [column for column in columns if {column + PAPER, column + LOW} <= set(columns)]


def printed_scores(rows: Sequence[Mapping[str, Value]], scores: Sequence[str]) -> Printed:
    """Rows of table 3 or 4 (values in percent, or the texts of the CSV file) as texts."""
    sourced = any(_number(row[score + PAPER]) is not None for row in rows for score in scores)
    columns = {name: title for name, title in CELL.items() if name != "seed"} | {"seeds": "Seeds"}
    columns |= {SOURCE: ""} if sourced else {}
    lines = []
    for row in rows:
        names = {name: readable(row[name]) for name in ("mix", "architecture", "seeds")}
        values = {score: score_text(row, score) for score in scores}
        lines.append({**names, SOURCE: THIS_RUN, **values})
        if any(_number(row[score + PAPER]) is not None for score in scores):
            nameless = dict.fromkeys(names, "")
            paper = {score: readable(_number(row[score + PAPER])) for score in scores}
            away = {score: _signed(_number(row[score + DIFFERENCE])) for score in scores}
            lines.append({**nameless, SOURCE: THE_PAPER, **paper})
            lines.append({**nameless, SOURCE: THE_DIFFERENCE, **away})
    return Printed(columns | {score: heading(score) for score in scores}, lines)


def score_text(row: Mapping[str, Value], score: str) -> str:
    """For example ``61.23 ± 0.40 [60.10, 62.31] ↑``; the spread over seeds only where it is."""
    value, spread, low, high = (_number(row[score + part]) for part in ("", SPREAD, LOW, HIGH))
    text = readable(value)
    if spread is not None:
        text += f" ± {spread:.2f}"
    if low is not None and high is not None:
        text += f" [{low:.2f}, {high:.2f}]"
    return text + MARKS.get(str(row[score + MARK] or ""), "")


def best_text(rows: Sequence[Mapping[str, Value]], score: str) -> str | None:
    """The text of the highest value of a score; None where no row has one."""
    found = [row for row in rows if _number(row[score]) is not None]
    best = max(found, key=lambda row: _number(row[score]) or 0.0, default=None)
    return None if best is None else score_text(best, score)


def _signed(value: float | None) -> str:
    return readable(None) if value is None else f"{value:+.2f}"


def _number(value: Value) -> float | None:
    """A value, or the text of one in a CSV file, as a number; None for none."""
    if value is None or value == "":
        return None
    number = float(value)
    return None if math.isnan(number) else number
