"""The retention table: how many samples a selection keeps, and why it drops the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groundsynth.errors import InputError
from groundsynth.figures.columns import SELECTION
from groundsynth.figures.table_files import Row, write_csv, write_markdown
from groundsynth.tables import read_provenance, read_table

KEPT = "kept"
OUTCOMES = (
    KEPT,
    "no_confidence",
    "low_confidence",
    "no_composition",
    "implausible_composition",
    "no_audit",
    "near_duplicate",
    "no_grounding_precision",
    "low_grounding_precision",
    "no_grounding_recall",
    "low_grounding_recall",
    "no_clipscore",
    "low_clipscore",
    "no_caption",
    "repeated_caption",
)
"""What can become of a sample, in the order in which it is asked."""
Retention = Mapping[str, Counter[str]]
"""Population -> number of samples of each outcome."""


def kept_of(selections: Retention, population: str) -> str:
    """How many samples of a population are kept, in words."""
    if population not in selections:
        return "not known"
    outcomes = selections[population]
    return f"{outcomes[KEPT]:,} of {outcomes.total():,} kept"


def write_selections(paths: Sequence[Path], folder: Path) -> Retention:
    """Write selection.csv and .md from the tables of the selections; returns their counts."""
    found = {}
    for path in paths:
        population, outcomes = _outcomes(path)
        found[population] = outcomes
    rows = [row for population, outcomes in found.items() for row in _rows(population, outcomes)]
    note = " ".join(_asked(path) for path in paths)
    write_csv(folder / "selection.csv", list(SELECTION), rows)
    write_markdown(folder / "selection.md", SELECTION, rows, note if rows else "")
    return found


def _outcomes(path: Path) -> tuple[str, Counter[str]]:
    table = read_table(path, "selection")
    populations = set(table["population"].to_pylist())
    kept, reasons = table["kept"].to_pylist(), table["reason"].to_pylist()
    outcomes = Counter(KEPT if one else str(why) for one, why in zip(kept, reasons, strict=True))
    unknown = sorted(set(outcomes) - set(OUTCOMES))
    if len(populations) != 1 or unknown:
        raise InputError(
            f"{path} is no selection among one population by known reasons "
            f"({', '.join([*sorted(populations), *unknown])}); delete it and run select-samples "
            "again."
        )
    return populations.pop(), outcomes


def _rows(population: str, outcomes: Counter[str]) -> list[Row]:
    """Kept samples first, always; then each reason that dropped any."""
    return [
        {
            "population": population,
            "outcome": outcome,
            "samples": outcomes[outcome],
            "percent": 100 * outcomes[outcome] / outcomes.total(),
        }
        for outcome in OUTCOMES
        if outcomes[outcome] or outcome == KEPT
    ]


def _asked(path: Path) -> str:
    """What a selection asked of its samples, in words."""
    record = read_provenance(path)
    parameters: dict[str, Any] = record.get("parameters", {})
    asked = [
        f"{name} {value:g}" if isinstance(value, float) else name if value is True else ""
        for name, value in parameters.items()
    ]
    words = ", ".join(text.replace("_", " ") for text in asked if text) or "unknown thresholds"
    captioner = parameters.get("captioner")
    return f"{path.stem.capitalize()}: {words}{f' (captions of {captioner})' if captioner else ''}."
