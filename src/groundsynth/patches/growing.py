"""Shard arrays whose number of rows is known only when the last one is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib.format import write_array_header_1_0

from groundsynth.files import atomic


class GrowingArray:
    """An uncompressed uint8 ``.npy`` file that rows are appended to."""

    def __init__(self, stream: BinaryIO, row_shape: tuple[int, ...]) -> None:
        self.stream, self.row_shape, self.rows = stream, row_shape, 0
        self.header_size = self._write_header()

    def append(self, row: np.ndarray) -> None:
        """Append one row, uint8 of ``row_shape``."""
        if row.shape != self.row_shape or row.dtype != np.uint8:
            raise ValueError(f"a row of {row.dtype} {row.shape} among uint8 {self.row_shape}")
        self.stream.write(np.ascontiguousarray(row).data)
        self.rows += 1

    def close(self) -> None:
        """Write the final number of rows; numpy's header keeps room for it."""
        self.stream.seek(0)
        if self._write_header() != self.header_size:
            raise ValueError("the header of the array outgrew its place")

    def _write_header(self) -> int:
        shape = (self.rows, *self.row_shape)
        description = {"descr": "|u1", "fortran_order": False, "shape": shape}
        write_array_header_1_0(self.stream, description)
        return self.stream.tell()


@contextmanager
def growing_array(path: Path, row_shape: tuple[int, ...]) -> Iterator[GrowingArray]:
    """Yield an array to append to; it becomes ``path`` when the block succeeds."""
    with atomic(path) as temporary, temporary.open("wb") as stream:
        array = GrowingArray(stream, row_shape)
        yield array
        array.close()
