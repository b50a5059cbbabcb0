"""The verb ``write-report``: one page that holds everything and needs nothing."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from groundsynth.errors import InputError
from groundsynth.evaluation.mix_comparison import MEAN
from groundsynth.figures.columns import FEATURE_MODEL, LABELS, heading, without_empty
from groundsynth.figures.generator_endings import ending_of
from groundsynth.figures.headline import headline_figures, spoken
from groundsynth.figures.ledger import duration, read_ledger, stage_totals, total_of
from groundsynth.figures.picture_texts import PICTURES
from groundsynth.figures.score_text import best_text, printed_scores, scores_in
from groundsynth.figures.table_files import read_csv, read_note, readable
from groundsynth.files import atomic, read_json, write_json
from groundsynth.provenance import provenance

PNG = b"\x89PNG\r\n\x1a\n"
SCORES = ("f1", "iou", "precision", "recall", "accuracy")
SAID_BESIDE = {"image_text_model", "verdict", *FEATURE_MODEL}
"""Columns that the page leaves out: the text beside the table says it."""


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
    measured: list[Path],
    generators: list[Path],
    configuration: Any,
    logs: Path,
    page: Path,
    headline: Path,
    settings: Path,
) -> None:
    """Write the report of a run as one HTML page without outside resources, and its headline.

    Reads the CSV files among ``tables`` and the notes in the Markdown files, PNG ``figures``, the
    funnel, splits and split distances of the patches (CSV), the ``measured`` distances (JSON),
    the descriptions of the ``generators`` (JSON) and the timing lines at the end of
    ``logs``/**.log. ``configuration`` is the run's, as JSON; names and passwords in its addresses
    are left out.
    ``headline`` becomes JSON: the page's path and its figures (as of ``headline_figures``);
    ``settings`` the configuration as JSON, by which ``estimate`` knows what a run measured.
    """
    files = {p.stem: p for p in [*tables, funnel, splits] if p.suffix == ".csv"}
    files["split_distances"] = distances
    rows = {stem: read_csv(path)[1] for stem, path in files.items()}
    configuration = without_passwords(configuration)
    telling = headline_figures(rows, rows[splits.stem], configuration)
    costs = read_ledger(logs)
    context = {
        "name": name,
        "simulated": configuration.get("source", {}).get("kind") == "simulated",
        "headline": [spoken(figure) for figure in telling],
        "pictures": {path.stem: read_picture(path) for path in figures},
        "tables": {stem: read_result_table(path) for stem, path in files.items()},
        "clip_name": next((row["image_text_model"] for row in rows.get("table1", [])), None),
        "notes": {path.stem: read_note(path) for path in tables if path.suffix == ".md"},
        "gain": gain_of_synthesis(rows.get("significance", [])),
        "distances": [read_json(path) for path in measured],
        "verdicts": [row["verdict"] for row in rows.get("leaks", []) if row["verdict"]],
        "endings": [ending_of(read_json(path)) for path in generators],
        "costs": costs,
        "stages": stage_totals(costs),
        "total": total_of(costs),
        "configuration": yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True),
        "provenance": provenance("write-report"),
    }
    with atomic(page) as temporary:
        temporary.write_text(_template().render(context), "utf-8")
    write_json(headline, {"report": str(page), "figures": telling})
    write_json(settings, configuration)


def without_passwords(value: Any) -> Any:
    """A configuration whose addresses name no user and no password: reports are shared."""
    if isinstance(value, str):
        return re.sub(r"(\w://)[^/@\s]*@", r"\1", value)
    if isinstance(value, Mapping):
        return {key: without_passwords(inner) for key, inner in value.items()}
    return [without_passwords(inner) for inner in value] if isinstance(value, list) else value


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
    source = "data:text/csv;charset=utf-8;base64," + base64.b64encode(path.read_bytes()).decode()
    if scores := scores_in(columns):
        return Table(path.name, *_score_entries(rows, scores), source)
    columns = [column for column in without_empty(columns, rows) if column not in SAID_BESIDE]
    headings = [Entry(heading(column), column not in LABELS) for column in columns]
    best = {c: _best(rows, c) for c in columns if c in SCORES and len(rows) > 1}
    entries = [
        [_entry(row[column], column, best.get(column)) for column in columns] for row in rows
    ]
    return Table(path.name, headings, entries, source)


def _score_entries(
    rows: Sequence[Mapping[str, str]], scores: Sequence[str]
) -> tuple[list[Entry], list[list[Entry]]]:
    """Headings and rows of table 3 or 4; the best value of each score stands out."""
    printed = printed_scores(rows, scores)
    headings = [Entry(title, name in scores) for name, title in printed.columns.items()]
    best = {score: best_text(rows, score) for score in scores} if len(rows) > 1 else {}
    entries = [
        [Entry(row[name], name in scores, row[name] == best.get(name)) for name in printed.columns]
        for row in printed.rows
    ]
    return headings, entries


def gain_of_synthesis(rows: Sequence[Mapping[str, str]]) -> str:
    """Macro F1 of each mix against real patches alone, from the table of tests, in words.

    Over all architectures where there are several; pairs of equal architecture and seed.
    """
    found = [row for row in rows if row["table"] == "table3" and row["score"] == "f1"]
    several = any(row["architecture"] == MEAN for row in found)
    parts = [_gain(row) for row in found if not several or row["architecture"] == MEAN]
    if not parts:
        return ""
    over = "mean over architectures and seeds" if several else "mean over seeds"
    return f"Macro F1 against {found[0]['baseline']} ({over}): {'; '.join(parts)}."


def _gain(row: Mapping[str, str]) -> str:
    low, high = (f"{float(row[name]):.2f}" for name in ("gain_low", "gain_high"))
    verdict = f"p {readable(float(row['p_corrected']), 'p')} after correction"
    verdict += f", a significant {row['mark']}" if row["mark"] else ", not significant"
    return f"{row['mix']} {float(row['gain']):+.2f} points [{low}, {high}] ({verdict})"


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
