"""The grounding table: how well each captioner's captions say what the maps show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groundsynth.figures.caption_tables import ALL, REAL, SYNTHETIC
from groundsynth.figures.table_files import Row
from groundsynth.tables import read_table

LISTS = ("invented", "missed", "denied", "understated")
BATCH = 20_000
MEANS = ("precision", "recall", "order_agreement")


@dataclass
class GroundingSums:
    """Sums over captions: a list of (sum, count) by name."""

    captions: int = 0
    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def put(self, name: str, value: float | bool | None) -> None:
        """Count a value, unless it is None."""
        if value is not None:
            self.sums[name] += float(value)
            self.counts[name] += 1

    def add(self, other: GroundingSums) -> None:
        """Add the sums of other captions."""
        self.captions += other.captions
        for name, value in other.sums.items():
            self.sums[name] += value
            self.counts[name] += other.counts[name]

    def mean(self, name: str, scale: float = 1.0) -> float | None:
        """``scale`` times the mean of a value; None without any."""
        return scale * self.sums[name] / self.counts[name] if self.counts.get(name) else None


def read_groundings(paths: Sequence[Path]) -> dict[tuple[str, str], GroundingSums]:
    """(captioner, population) -> sums over the grounding tables, one file after the other."""
    found: dict[tuple[str, str], GroundingSums] = defaultdict(GroundingSums)
    for path in paths:
        for batch in read_table(path, "grounding").to_batches(max_chunksize=BATCH):
            for row in batch.to_pylist():
                if row["found"] is not None:  # else there was nothing to score
                    _count(found[row["captioner"], row["population"]], row)
    return dict(found)


def grounding_table(groundings: dict[tuple[str, str], GroundingSums]) -> list[Row]:
    """One row for each subset and captioner: precision, recall and the rest in percent."""
    populations = {population for _, population in groundings}
    synthetic = sorted(populations - {REAL}, reverse=True)
    own = SYNTHETIC if len(synthetic) == 1 else None
    subsets = {ALL: [REAL, *synthetic]} if groundings else {}
    subsets |= {REAL: [REAL]} if REAL in populations else {}
    subsets |= {own or population: [population] for population in synthetic}
    rows = []
    for subset, members in subsets.items():
        for captioner in dict.fromkeys(captioner for captioner, _ in groundings):
            total = GroundingSums()
            for member in members:
                total.add(groundings.get((captioner, member), GroundingSums()))
            if total.captions:
                rows.append(_row(subset, captioner, total))
    return rows


def _count(sums: GroundingSums, row: dict[str, Any]) -> None:
    sums.captions += 1
    for name in MEANS:
        sums.put(name, row[name])
    for name in LISTS:
        sums.put(name, bool(row[name]))
    sums.put("dominant_named", row["dominant"] is not None)
    sums.put("dominant_correct", row["dominant_correct"])
    for error in row["percent_errors"]:
        sums.put("percent_error", error)


def _row(subset: str, captioner: str, sums: GroundingSums) -> Row:
    return {
        "subset": subset,
        "captioner": captioner,
        "captions": sums.captions,
        "class_precision": sums.mean("precision", 100),
        "class_recall": sums.mean("recall", 100),
        **{f"{name}_percent": sums.mean(name, 100) for name in LISTS},
        "dominant_named_percent": sums.mean("dominant_named", 100),
        "dominant_correct_percent": sums.mean("dominant_correct", 100),
        "order_percent": sums.mean("order_agreement", 100),
        "stated_shares": sums.counts.get("percent_error", 0),
        "share_error": sums.mean("percent_error"),
    }
