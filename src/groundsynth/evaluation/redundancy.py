"""Redundancy of captions: the share of captions that repeat another one (paper, table 2).

Captions are compared as exact strings, without any normalisation; ``diversity`` says the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from groundsynth.errors import InputError
from groundsynth.evaluation.caption_files import read_columns
from groundsynth.evaluation.diversity import DiversityCounter
from groundsynth.files import write_json
from groundsynth.provenance import provenance

DIGEST_BYTES = 16
NO_CAPTION = ("error", "empty")
"""States of a row that holds no caption."""


class RedundancyCounter:
    """Counts captions and distinct ones; keeps 16 bytes of each distinct caption."""

    def __init__(self) -> None:
        self.captions = 0
        self.seen: set[bytes] = set()

    def add(self, caption: str) -> None:
        """Count one caption."""
        self.captions += 1
        encoded = caption.encode("utf-8", "surrogatepass")
        self.seen.add(hashlib.blake2b(encoded, digest_size=DIGEST_BYTES).digest())

    def result(self) -> dict[str, int | float]:
        """``captions``, ``unique`` and ``redundancy_percent`` = 100 (1 - unique / captions)."""
        unique = len(self.seen)
        return {
            "captions": self.captions,
            "unique": unique,
            "redundancy_percent": 100.0 * (self.captions - unique) / self.captions,
        }


def redundancy(captions: Iterable[str]) -> dict[str, int | float]:
    """Captions, distinct captions, and the redundancy in percent: 100 (1 - unique / captions).

    Raises InputError when there is no caption.
    """
    counter = RedundancyCounter()
    for caption in captions:
        counter.add(caption)
    if not counter.captions:
        raise InputError("There are no captions; give at least one.")
    return counter.result()


def score_redundancy(
    *,
    captions: list[Path],
    column: str,
    output: Path,
    group_by: str | None = None,
    status_column: str | None = None,
    self_bleu_sample: int = 100,
    seed: int = 0,
) -> None:
    """Write the redundancy and the diversity of all captions in one or several files, as JSON.

    Reads the column ``column`` of CSV, TSV, Parquet, JSON lines, the JSON layouts of RSICD, UCM
    and NWPU (``raw``), or plain lines (.txt); nulls are no captions, nor are rows that
    ``status_column`` says are ``error`` or ``empty`` (``left_out`` counts both). With
    ``group_by``, another column, ``groups`` holds the same figures for the rows of each of its
    values. ``diversity`` (and ``group_diversity``): normalised redundancy, vocabulary,
    distinct-n, and self-BLEU of ``self_bleu_sample`` captions drawn by ``seed``. Raises
    InputError when a file holds no caption.
    """
    if not captions:
        raise InputError("No file of captions is given; name at least one.")
    total = _Counters(self_bleu_sample, seed)
    groups: dict[str, _Counters] = {}
    left_out = 0
    columns = [column, *(name for name in (group_by, status_column) if name is not None)]
    for path in captions:
        for text, *others in read_columns(path, columns):
            if text is None or (status_column is not None and others.pop() in NO_CAPTION):
                left_out += 1
                continue
            total.add(text)
            if group_by is not None:
                name = str(others[0])
                if name not in groups:
                    groups[name] = _Counters(self_bleu_sample, seed)
                groups[name].add(text)
    if total.exact.captions == 0:  # one empty file among several is a shard without patches
        raise InputError(
            f"{captions[0]} holds no captions, nor do the other files given; run the stage that "
            "writes them again."
        )
    result: dict[str, Any] = {**total.exact.result(), "left_out": left_out}
    result["groups"] = {name: groups[name].exact.result() for name in sorted(groups)}
    result["diversity"] = total.diversity.result()
    result["group_diversity"] = {name: groups[name].diversity.result() for name in sorted(groups)}
    parameters = {
        "column": column,
        "group_by": group_by,
        "status_column": status_column,
        "self_bleu_sample": self_bleu_sample,
        "seed": seed,
    }
    result["provenance"] = provenance("score-redundancy", parameters, captions)
    write_json(output, result)


class _Counters:
    """Both counters of some captions."""

    def __init__(self, sample: int, seed: int) -> None:
        self.exact, self.diversity = RedundancyCounter(), DiversityCounter(sample, seed)

    def add(self, caption: str) -> None:
        self.exact.add(caption)
        self.diversity.add(caption)
