"""The leak audit as a table, and in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groundsynth.errors import InputError
from groundsynth.figures.columns import LEAKS
from groundsynth.figures.table_files import Row
from groundsynth.files import read_json

TEST = "real (test split)"


def leak_rows(summaries: Sequence[Path]) -> list[Row]:
    """A row for each audited population and one for their yardstick, the real test split.

    Raises InputError when a file lacks a figure.
    """
    audits = [read_json(path) for path in summaries]
    try:
        rows = [_samples(found) for found in audits]
        return rows + ([_yardstick(audits[0])] if audits else [])
    except KeyError as missing:
        names = ", ".join(map(str, summaries))
        raise InputError(
            f"One of {names} has no {missing}; delete them and run their stage again."
        ) from None


def _samples(found: Mapping[str, Any]) -> Row:
    kept = ("near_duplicates", "share_percent", "expected_percent", "chance", "copies")
    return {
        "population": found["population"],
        "images": found["samples"],
        **found["quantiles"]["samples"],
        **{name: found[name] for name in kept},
        "feature_model": found["feature_model"],
        "verdict": in_words(found),
    }


def _yardstick(found: Mapping[str, Any]) -> Row:
    empty: dict[str, None] = dict.fromkeys(LEAKS)
    return {
        **empty,
        "population": TEST,
        "images": found["test_patches"],
        **found["quantiles"]["real_test"],
        "copies": found["copies_real_test"],
        "feature_model": found["feature_model"],
        "verdict": "",
    }


def in_words(found: Mapping[str, Any]) -> str:
    """What an audit found, in two or three sentences."""
    name = f"the {found['population']} samples"
    first = (
        f"Among {name} there are more near-duplicates of training patches than the real test "
        "split has by chance:"
        if found["leaks"]
        else f"Among {name} there are no more near-duplicates of training patches than the real "
        "test split has by chance:"
    )
    second = (
        f"{found['near_duplicates']:,} of {found['samples']:,} ({found['share_percent']:.2f}%) lie "
        f"nearer to a training patch than the nearest {found['percentile']:g}% of "
        f"{found['test_patches']:,} test patches do, {found['expected_percent']:.2f}% were to be "
        f"expected (chance of so many or more: {_chance(found['chance'])})."
    )
    if found["population"] == "conditional":
        second += " They stand on maps of training patches, which brings them near without copying."
    if not found["copies"]:
        return f"{first} {second}"
    third = (
        f"{found['copies']:,} lie at less than a tenth of that distance (of the test patches: "
        f"{found['copies_real_test']:,}); look at them first."
    )
    return f"{first} {second} {third}"


def _chance(value: float) -> str:
    """A chance in two digits; those beyond the precision of its computation as such."""
    return "less than 1e-15" if value < 1e-15 else f"{value:.2g}"
