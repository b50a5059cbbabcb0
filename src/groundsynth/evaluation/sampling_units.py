"""Units of resampling: single test patches, or spatial blocks of them.

Neighbouring patches show the same landscape: drawn one by one they pretend to be more evidence
than they are. Whole blocks are drawn where the split is by blocks, or where a size is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import shapely

from groundsynth.errors import InputError
from groundsynth.patches.blocks import block_at, bounds_of
from groundsynth.tables import read_tables


def units_of(ids: Sequence[str], indices: Sequence[Path], degrees: float | None) -> np.ndarray:
    """Number from 0 of the unit of each patch, int64 [N].

    Without ``degrees`` each patch is a unit; else those whose centres lie in one cell of the grid
    of so many degrees (see patches.blocks). Raises InputError for an id that no index holds.
    """
    if degrees is None:
        return np.arange(len(ids))
    table = read_tables(indices, "real_index", ["patch_id", "geometry"])
    row_of = {name: row for row, name in enumerate(table["patch_id"].to_pylist())}
    missing = [name for name in ids if name not in row_of]
    if missing:
        raise InputError(
            f"The index of real patches does not hold the test patch {missing[0]!r} "
            f"({len(missing)} missing); run the segmentation stage again."
        )
    rows = table["geometry"].take([row_of[name] for name in ids]).to_pylist()
    blocks = [_block(shapely.from_wkb(wkb), degrees) for wkb in rows]
    numbers = {block: number for number, block in enumerate(sorted(set(blocks)))}
    return np.array([numbers[block] for block in blocks], np.int64)


def _block(polygon: shapely.Polygon, degrees: float) -> tuple[int, int]:
    west, south, east, north = bounds_of(polygon)
    return block_at((west + east) / 2, (south + north) / 2, degrees)
