"""Shard files: uncompressed ``.npy`` arrays, written whole or not at all, read by memory map.

A shard is a declared output of one job. Images are uint8 (N, H, W, 3), masks uint8 (N, H, W);
the index table beside them has N rows in the same order. Joins are always by id.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from groundsynth.errors import InputError
from groundsynth.files import atomic

AGAIN = "delete it and run the stage that writes it again"


@contextmanager
def new_array(path: Path, shape: tuple[int, ...], dtype: str = "uint8") -> Iterator[np.ndarray]:
    """Yield a writable array of ``shape``, memory-mapped; it becomes ``path`` on success."""
    with atomic(path) as temporary:
        array = open_memmap(temporary, mode="w+", dtype=np.dtype(dtype), shape=shape)
        _reserve(temporary)
        yield array
        array.flush()
        del array


def _reserve(path: Path) -> None:
    """Take the file's space on the disk now: writing to a map of a full disk kills the process."""
    with path.open("r+b") as stream:
        os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)


def write_array(path: Path, array: np.ndarray) -> None:
    """Write ``array`` as an uncompressed ``.npy`` file, atomically."""
    with new_array(path, array.shape, array.dtype.str) as whole:
        whole[...] = array


def open_array(path: Path, dimensions: int | None = None) -> np.ndarray:
    """Open a shard read-only by memory map.

    ``dimensions`` is the expected number of axes. Raises InputError when the file is missing,
    truncated (a map over a truncated file would kill the process without a word), or of
    another kind.
    """
    try:
        array = open_memmap(path, mode="r")
    except FileNotFoundError:
        raise InputError(f"{path} is missing; run the stage that writes it.") from None
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path} is truncated or no .npy file ({error}); {AGAIN}.") from None
    if dimensions is not None and array.ndim != dimensions:
        raise InputError(f"{path} has {array.ndim} axes instead of {dimensions}; {AGAIN}.")
    return array


class JoinedArrays:
    """Several shards seen as one long array, rows in the order of the shards.

    ``paths`` must hold arrays of equal row shape and type; shards without rows are allowed.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        # Plain views of the maps: taking a row of a np.memmap costs as much as copying 12 KB.
        self.arrays = [np.asarray(open_array(path)) for path in self.paths]
        for array, path in zip(self.arrays, self.paths, strict=True):
            if not array.ndim:
                raise InputError(f"{path} holds a single value instead of rows; {AGAIN}.")
        filled = [(a, p) for a, p in zip(self.arrays, self.paths, strict=True) if len(a)]
        for array, path in filled[1:]:
            _require_equal_rows(array, path, *filled[0])
        self.starts = np.cumsum([0, *(len(a) for a in self.arrays)])
        sample = filled[0][0] if filled else next(iter(self.arrays), np.zeros(0, np.uint8))
        self.row_shape: tuple[int, ...] = sample.shape[1:]
        self.dtype = sample.dtype

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __reduce__(self) -> tuple[type, tuple[tuple[Path, ...]]]:
        return JoinedArrays, (self.paths,)  # another process maps the files instead of copying

    def gather(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Copy the given rows out, in the given order: [len(rows), *row_shape].

        One copy a row straight from the map: fancy indexing copies twice, which was 1.6 times
        slower for rows of 192 KB and equal for rows of 12 KB.
        """
        wanted = np.asarray(rows, np.int64)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"rows must lie in 0..{len(self) - 1}")
        out = np.empty((len(wanted), *self.row_shape), self.dtype)
        shards = np.searchsorted(self.starts, wanted, side="right") - 1
        for number in np.unique(shards).tolist():
            array, start = self.arrays[number], int(self.starts[number])
            here = np.flatnonzero(shards == number)
            here = here[np.argsort(wanted[here], kind="stable")]  # forwards through the file
            for position, row in zip(here.tolist(), wanted[here].tolist(), strict=True):
                out[position] = array[row - start]
        return out


def _require_equal_rows(array: np.ndarray, path: Path, first: np.ndarray, first_path: Path) -> None:
    if array.shape[1:] != first.shape[1:] or array.dtype != first.dtype:
        raise InputError(
            f"{path} holds {array.dtype} rows of shape {array.shape[1:]}, {first_path} "
            f"{first.dtype} rows of {first.shape[1:]}; write all shards with the same patch size."
        )
