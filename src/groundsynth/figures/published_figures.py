"""Figures of the paper's tables 1 to 4 (arXiv 2603.09625), to stand beside those of a run."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from groundsynth.figures.columns import DIFFERENCE, PAPER
from groundsynth.figures.table_files import Row, Value
from groundsynth.segmentation.mixes import Mix

Figures = Mapping[str, str]


def published_scores(
    mix: str, parts: Mapping[str, Any], architecture: str, names: Sequence[str]
) -> dict[str, float]:
    """The paper's scores of a mix (by what it holds) and architecture, in percent.

    Keys as in tables 3 and 4 (``f1``, ..., ``f1_<class>``). Nothing where the paper has no such
    cell, or where the classes ``names`` are not its seven.
    """
    rows = _rows("segmentation")
    if {key for key in rows[0] if key.startswith("f1_")} != {f"f1_{name}" for name in names}:
        return {}
    held = Mix.from_parts(mix, parts)
    if held.selection:  # the paper selects no samples
        return {}
    wanted = ("yes" if held.real else "no", str(held.unconditional), str(held.conditional))
    for row in rows:
        found = (row["real"], row["unconditional"], row["conditional"])
        if found == wanted and row["architecture"] == architecture:
            return {key: float(row[key]) for key in list(row)[4:]}
    return {}


def published_architectures() -> set[str]:
    """Names of the architectures whose mean the paper prints."""
    return {row["architecture"] for row in _rows("segmentation")} - {"mean"}


def published_captioner(subset: str, captioner: str) -> Figures:
    """The paper's table 2 of a subset (all, real, synthetic) and captioner; empty without one."""
    rows = _rows("captioners")
    return next((r for r in rows if (r["subset"], r["captioner"]) == (subset, captioner)), {})


def published_captioners() -> set[str]:
    """Names of the paper's captioners, as the configuration has them."""
    return {row["captioner"] for row in _rows("captioners")}


def published_subset(subset: str) -> Figures:
    """The paper's table 1 of a subset or of a human-captioned set; empty without one."""
    return next((row for row in _rows("caption_subsets") if row["subset"] == subset), {})


def published_sets() -> set[str]:
    """Names of the human-captioned sets of the paper's table 1."""
    return {row["subset"] for row in _rows("caption_subsets")} - {"all", "real", "synthetic"}


def beside_paper(
    rows: Sequence[Row], published: Callable[[Row], Figures], keys: Sequence[str]
) -> list[Row]:
    """The rows with the paper's figure of each key and the difference, None where it has none."""
    found: list[Row] = []
    for row in rows:
        paper = {key: float(published(row)[key]) for key in keys if key in published(row)}
        beside: dict[str, Value] = {}
        for key in keys:
            ours, theirs = row[key], paper.get(key)
            beside |= {key + PAPER: theirs, key + DIFFERENCE: None}
            if isinstance(ours, int | float) and theirs is not None:
                beside[key + DIFFERENCE] = ours - theirs
        found.append({**row, **beside})
    return found


@cache
def _rows(name: str) -> list[dict[str, str]]:
    text = files("groundsynth.figures").joinpath("published", f"{name}.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))
