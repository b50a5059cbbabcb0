"""Result tables as files: CSV with every digit, Markdown rounded for reading."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from groundsynth.errors import InputError
from groundsynth.figures.columns import DISTANCE_COLUMNS
from groundsynth.files import atomic

Value = str | int | float | None
Row = Mapping[str, Value]


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write rows under a header, atomically; None and NaN become empty cells."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_exact(row[name]) for name in columns] for row in rows)


def write_markdown(
    path: Path, columns: Mapping[str, str], rows: Sequence[Row], note: str = ""
) -> None:
    """Write rows as a Markdown table, atomically; ``columns``: column -> heading.

    Figures are rounded; ``note`` stands below the table.
    """
    lines = [_line(list(columns.values()))]
    numeric = [is_numeric(name, rows) for name in columns]
    lines.append(_line(["---:" if number else ":---" for number in numeric]))
    lines += [_line([readable(row[name], name) for name in columns]) for row in rows]
    text = "\n".join(lines) + "\n" + (f"\n{note}\n" if note else "")
    with atomic(path) as temporary:
        temporary.write_text(text, "utf-8")


def read_csv(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a CSV table; InputError when it is missing or has no header."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; run the stage that writes it.") from None
    if not reader.fieldnames:
        raise InputError(f"{path} has no header line; delete it and run its stage again.")
    return list(reader.fieldnames), rows


def read_note(path: Path) -> str:
    """The note below a Markdown table that ``write_markdown`` wrote; empty where there is none."""
    try:
        return path.read_text("utf-8").partition("\n\n")[2].strip()
    except FileNotFoundError:
        raise InputError(f"{path} is missing; run the stage that writes it.") from None


def readable(value: Value, column: str = "") -> str:
    """A value as people read it: two decimals (distances three digits), a dash for none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "—"
    if isinstance(value, float):
        small = column in DISTANCE_COLUMNS and abs(value) < 100
        return f"{value:.3g}" if small else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else value


def _exact(value: Value) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def is_numeric(name: str, rows: Sequence[Row]) -> bool:
    return bool(rows) and all(not isinstance(row[name], str) for row in rows)
