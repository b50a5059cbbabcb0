"""Tables 1 and 2 of the paper: captions, how often they repeat, how well they fit the image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from groundsynth.errors import InputError
from groundsynth.figures.columns import DIVERSITY
from groundsynth.figures.table_files import Row
from groundsynth.files import read_json
from groundsynth.tables import read_table

HESSEL_WEIGHT = 2.5
"""CLIP-S is this times max(cosine, 0) (Hessel et al. 2021, equation 1)."""

ALL, REAL, SYNTHETIC = "all", "real", "synthetic"
OWN = "this run"


@dataclass
class Sums:
    """CLIPScores added up: their sum, how many there are, and how many texts were cut."""

    total: float = 0.0
    count: int = 0
    cut: int = 0

    def add(self, other: Sums) -> None:
        """Add the sums of other captions."""
        self.total += other.total
        self.count += other.count
        self.cut += other.cut

    @property
    def mean(self) -> float | None:
        """Mean CLIPScore; None without any."""
        return self.total / self.count if self.count else None

    @property
    def cut_percent(self) -> float | None:
        """Percent of captions longer than the text encoder reads; None without any."""
        return 100 * self.cut / self.count if self.count else None


Scores = Mapping[tuple[str, str], Sums]
"""(captioner, population) -> sums."""


def subset_table(
    redundancies: Mapping[str, Any], images: Mapping[str, int], scores: Scores, clip_name: str
) -> list[Row]:
    """Table 1: one row for each subset, over all captioners.

    Redundancy is 1 - (sum of the captioners' unique captions) / captions, as the paper has it.
    """
    rows: list[Row] = []
    for subset, populations in subsets(redundancies).items():
        found = [c for r in redundancies.values() if (c := counts_in(r, subset, populations))]
        captions, unique = (sum(c[key] for c in found) for key in ("captions", "unique"))
        sums = _sums(scores, populations)
        rows.append(
            {
                "subset": subset,
                "source": OWN,
                "images": sum(images.get(p, 0) for p in populations),
                "captions": captions,
                "redundancy_percent": 100 * (1 - unique / captions) if captions else None,
                "clipscore": sums.mean,
                "image_text_model": clip_name,
            }
        )
    return rows


def captioner_table(redundancies: Mapping[str, Any], scores: Scores, clip_name: str) -> list[Row]:
    """Table 2: one row for each subset and captioner."""
    rows: list[Row] = []
    for subset, populations in subsets(redundancies).items():
        for captioner, redundancy in redundancies.items():
            counts = counts_in(redundancy, subset, populations)
            if counts is None:
                continue
            sums = _sums(scores, populations, captioner)
            rows.append(
                {
                    "subset": subset,
                    "captioner": captioner,
                    "captions": counts["captions"],
                    "unique_captions": counts["unique"],
                    "redundancy_percent": counts["redundancy_percent"],
                    "clipscore": sums.mean,
                    "clip_s": None if sums.mean is None else HESSEL_WEIGHT * sums.mean / 100,
                    "cut_percent": sums.cut_percent,
                    "image_text_model": clip_name,
                }
            )
    return rows


def diversity_table(redundancies: Mapping[str, Any]) -> list[Row]:
    """How diverse the captions are: one row for each subset and captioner."""
    rows: list[Row] = []
    for subset, populations in subsets(redundancies).items():
        for captioner, redundancy in redundancies.items():
            counts = counts_in(redundancy, subset, populations)
            found = redundancy["diversity"]
            if subset != ALL:
                found = redundancy["group_diversity"].get(populations[0])
            if counts is None or found is None:
                continue
            row = {name: found[name] for name in DIVERSITY if name in found}
            words = found["words"] / counts["captions"]
            rows.append(
                {
                    "subset": subset,
                    "captioner": captioner,
                    "captions": counts["captions"],
                    "words_a_caption": words,
                    **row,
                }
            )
    return rows


def subsets(redundancies: Mapping[str, Any]) -> dict[str, list[str]]:
    """Subset -> its populations: all, real and, as far as they have captions, the synthetic ones.

    One captioned synthetic population is called "synthetic", as in the paper. Two stand by their
    own names: unique captions of both together cannot be had from those of each.
    """
    present = {p for redundancy in redundancies.values() for p in redundancy.get("groups", {})}
    synthetic = sorted(present - {REAL}, reverse=True)
    found = {ALL: [*([REAL] if REAL in present else []), *synthetic]} if redundancies else {}
    if REAL in present:
        found[REAL] = [REAL]
    for population in synthetic:
        found[SYNTHETIC if len(synthetic) == 1 else population] = [population]
    return found


def counts_in(
    redundancy: Mapping[str, Any], subset: str, populations: Sequence[str]
) -> Mapping[str, Any] | None:
    """Counts of one captioner in a subset; None where it wrote no captions."""
    if subset == ALL:
        return redundancy
    counts: Mapping[str, Any] | None = redundancy.get("groups", {}).get(populations[0])
    return counts


def read_redundancies(paths: Sequence[Path]) -> dict[str, Any]:
    """Captioner (the file's stem) -> its counts; InputError when a file lacks them."""
    found = {}
    for path in paths:
        counts = read_json(path)
        if not {"captions", "unique", "redundancy_percent", "diversity"} <= set(counts):
            raise InputError(
                f"{path} holds no counts of captions; delete it and run its stage again."
            )
        found[path.stem] = counts
    return found


def read_scores(paths: Sequence[Path]) -> dict[tuple[str, str], Sums]:
    """Add up the caption scores, one file after the other; captions without a score are left out.

    Returns (captioner, population) -> sums.
    """
    found: dict[tuple[str, str], Sums] = defaultdict(Sums)
    for path in paths:
        columns = ["population", "captioner", "clipscore", "truncated"]
        table = read_table(path, "caption_scores", columns)
        table = table.filter(pc.is_finite(table["clipscore"]))
        groups = table.group_by(["captioner", "population"]).aggregate(
            [("clipscore", "sum"), ("clipscore", "count"), ("truncated", "sum")]
        )
        for row in groups.to_pylist():
            part = Sums(row["clipscore_sum"], row["clipscore_count"], row["truncated_sum"] or 0)
            found[row["captioner"], row["population"]].add(part)
    return dict(found)


def _sums(scores: Scores, populations: Sequence[str], captioner: str | None = None) -> Sums:
    """Sums over the given populations, of one captioner or of all."""
    total = Sums()
    for (name, population), part in scores.items():
        if population in populations and captioner in (None, name):
            total.add(part)
    return total
