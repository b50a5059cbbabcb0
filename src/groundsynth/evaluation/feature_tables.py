"""Feature vectors as tables: one row a sample, with its population, id and feature model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from groundsynth.errors import InputError
from groundsynth.tables import read_table, write_table


def write_features(
    path: Path,
    population: str,
    ids: Sequence[str],
    model: str,
    vectors: np.ndarray,
    provenance: Mapping[str, Any],
) -> None:
    """Write float32 [N, D] ``vectors`` as the table of the schema ``features``."""
    rows, width = vectors.shape
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * width)
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).ravel())
    columns = {
        "population": [population] * rows,
        "id": list(ids),
        "model": [model] * rows,
        "vector": pa.ListArray.from_arrays(offsets, flat),
    }
    write_table(path, columns, "features", provenance)


def read_features(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Populations, ids and float32 [N, D] vectors of one table.

    Raises InputError when the file is missing or broken, or the vectors differ in length.
    """
    table = read_table(path, "features", ["population", "id", "vector"])
    column = table["vector"].combine_chunks()
    lengths = np.unique(column.value_lengths().to_numpy(zero_copy_only=False))
    if len(lengths) > 1:
        raise InputError(
            f"{path} holds vectors of different lengths; delete it and extract the features again."
        )
    width = int(lengths[0]) if len(lengths) else 0
    vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(len(table), width)
    return table["population"].to_pylist(), table["id"].to_pylist(), vectors


def feature_model(paths: Sequence[Path]) -> str:
    """The model that made all the tables; InputError when they come from more than one."""
    names = {n for p in paths for n in read_table(p, "features", ["model"])["model"].unique()}
    found = sorted(str(name) for name in names)
    if len(found) > 1:
        raise InputError(
            f"The features come from different models ({', '.join(found)}); extract them all with "
            "the same one."
        )
    return found[0] if found else ""
