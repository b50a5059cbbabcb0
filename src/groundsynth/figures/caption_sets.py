"""Rows of table 1 beside the run's own: caption sets that others made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from groundsynth.figures.caption_tables import OWN, read_redundancies
from groundsynth.figures.published_figures import published_sets, published_subset
from groundsynth.figures.table_files import Row

PAPER, MEASURED = "the paper", "measured here"

NOTE = (
    f"Rows of source {PAPER!r} are human-captioned sets as the paper prints them, nothing of which "
    f"was measured by this run; those of source {MEASURED!r} were given as captions.other_sets: "
    "redundancy of their captions by exact strings, no CLIPScore, as no images come with them."
)


def other_sets(measured: Sequence[Path]) -> list[Row]:
    """The sets of the paper that were not measured, and the measured ones, by name.

    ``measured``: what ``score-caption-set`` wrote of each; the file's stem is the set's name.
    """
    found = read_redundancies(measured)
    rows = {name: _row(name, MEASURED, found[name]["captions"]) for name in found}
    for name, row in rows.items():
        row["redundancy_percent"] = found[name]["redundancy_percent"]
    for name in published_sets() - set(rows):
        printed = published_subset(name)
        rows[name] = _row(name, PAPER, int(printed["captions"]))
        rows[name]["images"] = int(printed["images"])
    return [rows[name] for name in sorted(rows)]


def _row(name: str, source: str, captions: int) -> dict[str, str | int | float | None]:
    """A row without scores."""
    return {
        "subset": name,
        "source": source,
        "images": None,
        "captions": captions,
        "redundancy_percent": None,
        "clipscore": None,
        "image_text_model": None,
    }


def is_own(row: Row) -> bool:
    """Whether a row of table 1 is one of the run's own captions."""
    return row["source"] == OWN
