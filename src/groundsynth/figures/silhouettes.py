"""Silhouette scores of the populations, as the projections' tables carry them, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from groundsynth.errors import InputError
from groundsynth.figures.table_files import Row
from groundsynth.tables import read_provenance

ALL = "all populations"
FEATURES = "features"


def silhouette_rows(coordinates: Sequence[Path]) -> list[Row]:
    """One row for each space and pair of populations, and one over all of them.

    The spaces are the standardised features, which all projections share, and the plane of each
    projection. Raises InputError for a table without silhouette scores.
    """
    rows: list[Row] = []
    for number, path in enumerate(coordinates):
        record = read_provenance(path)
        try:
            model, scores = record["model"], record["silhouette"]
            spaces = {FEATURES: scores[FEATURES]} if number == 0 else {}
            spaces[record["parameters"]["method"]] = scores["coordinates"]
        except KeyError as missing:
            raise InputError(
                f"{path} carries no {missing}; delete it and run its stage again."
            ) from None
        for space, found in spaces.items():
            for pair, value in ({ALL: found["overall"]} | found["pairs"]).items():
                rows.append(
                    {
                        "space": space,
                        "populations": pair.replace("/", " and "),
                        "silhouette": value,
                        "feature_model": model,
                    }
                )
    return rows
