"""Cells of the matrix: counts of every patch once, in the same order in all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from groundsynth.errors import InputError
from groundsynth.segmentation.cells import read_cells
from groundsynth.segmentation.confusion import write_confusion


def table(path: Path, ids: list[str], counts: np.ndarray) -> Path:
    write_confusion(path, ids, counts, architecture="fpn", mix="real", seed=3, provenance={})
    return path


def test_patches_are_put_in_order_and_counted_once(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).integers(0, 9, (3, 2, 2)).astype(np.int32)
    first = table(tmp_path / "a.parquet", ["p0", "p1", "p2"], counts)
    second = table(tmp_path / "b.parquet", ["p2", "p0", "p1"], counts[[2, 0, 1]])
    cells = read_cells([first, second], 2)
    for cell in cells:
        assert (cell.ids, cell.patches) == (("p0", "p1", "p2"), 3)
        assert np.array_equal(cell.counts, counts.sum(0))
        assert np.array_equal(cell.totals[:, 0], counts[:, [0, 1], [0, 1]])
        assert np.array_equal(cell.totals[:, 1], counts.sum(2))
        assert np.array_equal(cell.totals[:, 2], counts.sum(1))


def test_a_patch_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", ["p0", "p0"], np.ones((2, 2, 2)))
    with pytest.raises(InputError, match=r"a\.parquet holds a test patch more than once"):
        read_cells([path], 2)


def test_counts_without_a_pixel_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", ["p0"], np.zeros((1, 2, 2)))
    with pytest.raises(InputError, match=r"a\.parquet counts no pixel"):
        read_cells([path], 2)
