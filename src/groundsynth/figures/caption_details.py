"""Tables on captions beside tables 1 and 2, as CSV and Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groundsynth.figures.caption_tables import diversity_table
from groundsynth.figures.columns import DIVERSITY, GROUNDING
from groundsynth.figures.grounding_table import grounding_table, read_groundings
from groundsynth.figures.table_files import write_csv, write_markdown

NOTE_DIVERSITY = (
    "Normalised: without case, punctuation and white space. Distinct: distinct ones among all "
    "words, pairs and triples of words. Self-BLEU: mean BLEU-4 of each caption of a random sample "
    "against the others. All but the words a caption depend on the number of captions."
)
NOTE_GROUNDING = (
    "What captions say, against the class shares of the same image's map. Precision and recall: "
    "means over captions of the named classes that are there and the classes there that are "
    "named. The next four: percent of captions with a class that is not there, that is left out, "
    "called absent though there, or called little though large. Dominant class: percent of "
    "captions that name one, and of those the correct ones. Order: percent of pairs of classes in "
    "the order of their shares. Error of stated shares in percentage points."
)


def write_caption_details(
    folder: Path, redundancies: Mapping[str, Any], groundings: Sequence[Path]
) -> None:
    """Write ``diversity`` (of words) and ``grounding`` (captions against maps) into a folder."""
    found = grounding_table(read_groundings(groundings))
    tables = [
        ("diversity", DIVERSITY, diversity_table(redundancies), NOTE_DIVERSITY),
        ("grounding", GROUNDING, found, NOTE_GROUNDING),
    ]
    for name, columns, rows, note in tables:
        write_csv(folder / f"{name}.csv", list(columns), rows)
        write_markdown(folder / f"{name}.md", columns, rows, note if rows else "")
