"""Ids of a shard's images, by which every table is joined."""

from __future__ import annotations

from pathlib import Path

from groundsynth.errors import InputError
from groundsynth.tables import read_table

REAL = "real"


def read_ids(index: Path, population: str) -> list[str]:
    """Ids in the order of the shard's rows: ``patch_id`` for ``real``, else ``sample_id``.

    Raises InputError when an id stands twice, because a join by id would then mix images up.
    """
    if population == REAL:
        schema, column = "real_index", "patch_id"
    else:
        schema, column = "synthetic_index", "sample_id"
    ids: list[str] = read_table(index, schema, [column]).column(column).to_pylist()
    if len(set(ids)) != len(ids):
        repeated = next(i for i in ids if ids.count(i) > 1)
        raise InputError(
            f"{index} holds the id {repeated!r} more than once; delete it and run the stage that "
            "writes it again."
        )
    return ids


def require_rows(path: Path, rows: int, index: Path, ids: list[str]) -> None:
    """InputError unless the shard at ``path`` has as many rows as its index."""
    if rows != len(ids):
        raise InputError(
            f"{path} has {rows} rows, its index {index} has {len(ids)}; delete both and run the "
            "stage that writes them again."
        )
