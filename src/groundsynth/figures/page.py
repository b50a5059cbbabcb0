"""The verb ``write-report``: one page that holds everything and needs nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from groundsynth.errors import InputError
from groundsynth.figures.columns import LABELS, heading
from groundsynth.figures.headline import headline_figures, mixes_of
from groundsynth.figures.ledger import duration, read_ledger, stage_totals, total_of
from groundsynth.figures.picture_texts import PICTURES
from groundsynth.figures.table_files import read_csv, readable
from groundsynth.files import atomic, read_json, write_json
from groundsynth.provenance import provenance

PNG = b"\x89PNG\r\n\x1a\n"
SCORES = ("f1", "iou", "precision", "recall", "accuracy")
SAID_ABOVE = "image_text_model"
"""A column that the page leaves out: the heading of the table says it."""


@dataclass(frozen=True)
class Picture:
    """A PNG inside the page: data URI, shown size in pixels, texts."""

    source: str
    width: int
    height: int
    alternative: str
    caption: str


@dataclass(frozen=True)
class Entry:
    """A cell of a table: its text, whether it is a figure, and whether it is the best one."""

    text: str
    numeric: bool
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A table inside the page, and its CSV file as a data URI."""

    name: str
    headings: list[Entry]
    rows: list[list[Entry]]
    source: str


def write_page(
    *,
    name: str,
    tables: list[Path],
    figures: list[Path],
    funnel: Path,
    splits: Path,
    distances: Path,
    frechets: list[Path],
    configuration: Any,
    logs: Path,
    page: Path,
    headline: Path,
) -> None:
    """Write the report of a run as one HTML page without outside resources, and its headline.

    Reads the CSV files among ``tables``, PNG ``figures``, the funnel, splits and split distances
    of the patches (CSV), the Fréchet distances (JSON) and the timing lines at the end of
    ``logs``/**.log. ``configuration`` is the run's, as JSON. ``headline`` becomes JSON: the page's
    path and at most four figures (name, value, unit).
    """
    files = {p.stem: p for p in [*tables, funnel, splits] if p.suffix == ".csv"}
    files["split_distances"] = distances
    rows = {stem: read_csv(path)[1] for stem, path in files.items()}
    telling = headline_figures(rows, rows[splits.stem], configuration)
    costs = read_ledger(logs)
    context = {
        "name": name,
        "headline": [_shown(figure) for figure in telling],
        "pictures": {path.stem: read_picture(path) for path in figures},
        "tables": {stem: read_result_table(path) for stem, path in files.items()},
        "clip_name": next((row["image_text_model"] for row in rows.get("table1", [])), None),
        "gain": gain_of_synthesis(rows.get("table3", []), configuration),
        "distances": [read_json(path) for path in frechets],
        "costs": costs,
        "stages": stage_totals(costs),
        "total": total_of(costs),
        "configuration": yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True),
        "provenance": provenance("write-report"),
    }
    with atomic(page) as temporary:
        temporary.write_text(_template().render(context), "utf-8")
    write_json(headline, {"report": str(page), "figures": telling})


def read_picture(path: Path) -> Picture:
    """A PNG file as a data URI, shown at half its pixels; InputError when it is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path} is missing; run the stage that writes it.") from None
    if data[: len(PNG)] != PNG:
        raise InputError(f"{path} is no PNG file; delete it and run its stage again.")
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    alternative, caption = PICTURES.get(path.stem, (path.stem, ""))
    source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return Picture(source, width // 2, height // 2, alternative, caption)


def read_result_table(path: Path) -> Table:
    """A CSV table with rounded figures; the best value of each score stands out."""
    columns, rows = read_csv(path)
    columns = [column for column in columns if column != SAID_ABOVE]
    headings = [Entry(heading(column), column not in LABELS) for column in columns]
    best = {c: _best(rows, c) for c in columns if c in SCORES and len(rows) > 1}
    entries = [
        [_entry(row[column], column, best.get(column)) for column in columns] for row in rows
    ]
    source = "data:text/csv;charset=utf-8;base64," + base64.b64encode(path.read_bytes()).decode()
    return Table(path.name, headings, entries, source)


def gain_of_synthesis(rows: Sequence[Mapping[str, str]], configuration: Any) -> str:
    """Each mix with synthetic samples against real patches alone, paired by architecture and seed.

    Pairs, not the best of each side: more mixes would give the synthetic side more draws.
    """
    alone, mixed = mixes_of(configuration)
    f1 = {(r["mix"], r["architecture"], r["seed"]): float(r["f1"]) for r in rows}
    parts = []
    for mix in mixed:
        pairs = [
            f1[mix, architecture, seed] - value
            for (name, architecture, seed), value in f1.items()
            if name in alone and (mix, architecture, seed) in f1
        ]
        if pairs:
            mean = sum(pairs) / len(pairs)
            parts.append(f"{mix} {mean:+.2f} points (mean of {len(pairs)} pairs)")
    if not parts:
        return ""
    return (
        "Macro F1 against training on real patches alone, in pairs of equal architecture and "
        f"seed: {'; '.join(parts)}. These are differences of single runs without intervals."
    )


def _best(rows: Sequence[Mapping[str, str]], column: str) -> float:
    return max((float(row[column]) for row in rows if row[column]), default=float("nan"))


def _entry(text: str, column: str, best: float | None) -> Entry:
    if column in LABELS:
        return Entry(text, numeric=False)
    if not text:
        return Entry(readable(None), numeric=True)
    value = _number(text)
    if isinstance(value, str):
        return Entry(value, numeric=False)
    return Entry(readable(value, column), numeric=True, best=value == best)


def _number(text: str) -> str | int | float:
    """The number that a text stands for; the text itself when it is none."""
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def _shown(figure: Mapping[str, Any]) -> dict[str, str]:
    """A headline figure as text; a unit in percent lends its sign to the value."""
    value, unit = readable(figure["value"]), figure["unit"]
    if unit.startswith("%"):
        value, unit = f"{value}%", unit.removeprefix("%").strip()
    return {"name": figure["name"], "value": value, "unit": unit}


def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration
    return environment.get_template("report.html.j2")
