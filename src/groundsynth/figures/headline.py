"""The few figures that say how a run went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, str]]
MOST = 4
PUBLISHED = "inception"


def headline_figures(
    tables: Mapping[str, Rows], splits: Rows, configuration: Any
) -> list[dict[str, Any]]:
    """At most four figures ({name, value, unit}) from the result tables, the telling ones first.

    F1 of the best model trained on real patches alone, Fréchet distance of each synthetic
    population against the untrained generator, redundancy of the captions, number of patches.
    """
    found = [
        _best_real(tables.get("table3", ()), configuration),
        *(_distance(row) for row in _of_one_extractor(tables.get("distances", ()))),
        _redundancy(tables.get("table1", ())),
        _patches(splits),
    ]
    return [figure for figure in found if figure is not None][:MOST]


def best_cell(rows: Rows, mixes: Sequence[str] | set[str]) -> Mapping[str, str] | None:
    """The row of table 3 with the highest F1 among the given mixes; None without any.

    It is a single architecture: no mean over several is above the best of them, which come first.
    """
    found = [r for r in rows if r["mix"] in mixes and r["f1"]]
    return max(found, key=lambda row: float(row["f1"]), default=None)


def mixes_of(configuration: Any) -> tuple[set[str], set[str]]:
    """Names of the mixes (of real patches alone, with synthetic samples) in the configuration."""
    definitions = configuration["segmentation"]["mix_definitions"]
    synthetic = {
        name
        for name, parts in definitions.items()
        if parts["unconditional"] or parts["conditional"]
    }
    return set(definitions) - synthetic, synthetic


def _best_real(rows: Rows, configuration: Any) -> dict[str, Any] | None:
    best = best_cell(rows, mixes_of(configuration)[0])
    if best is None:
        return None
    name = f"Macro F1 on the real test split ({best['architecture']}, real patches only)"
    return {"name": name, "value": float(best["f1"]), "unit": "%"}


def _of_one_extractor(rows: Rows) -> Rows:
    """The rows in Inception's features, which publications use; else in the first ones."""
    names = [row["extractor"] for row in rows]
    chosen = PUBLISHED if PUBLISHED in names else next(iter(names), "")
    return [row for row in rows if row["extractor"] == chosen]


def _distance(row: Mapping[str, str]) -> dict[str, Any] | None:
    if not row["percent_of_untrained"]:
        return None
    return {
        "name": f"Fréchet distance of the {row['population']} samples, by {row['extractor']}",
        "value": float(row["percent_of_untrained"]),
        "unit": "% of the untrained generator's",
    }


def _redundancy(rows: Rows) -> dict[str, Any] | None:
    values = [row["redundancy_percent"] for row in rows if row["subset"] == "all"]
    if not values or not values[0]:
        return None
    return {"name": "Caption redundancy (exact strings)", "value": float(values[0]), "unit": "%"}


def _patches(splits: Rows) -> dict[str, Any]:
    count = sum(int(row["patches"]) for row in splits)
    return {"name": "Real patches", "value": count, "unit": "patches"}
