"""Shard files: uncompressed ``.npy`` arrays, written whole or not at all, read by memory map.

A shard is a declared output of one job. Images are uint8 (N, H, W, 3), masks uint8 (N, H, W);
the index table beside them has N rows in the same order. Joins are always by id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from groundsynth.errors import InputError
from groundsynth.files import atomic

AGAIN = "delete it and run the stage that writes it again"


@contextmanager
def new_array(
    path: Path, shape: tuple[int, ...], dtype: str = "uint8"
) -> Iterator[np.ndarray]:
    """Yield a writable array of ``shape``, memory-mapped; it becomes ``path`` on success."""
    with atomic(path) as temporary:
        if 0 in shape:  # an empty file cannot be mapped
            np.save(temporary, np.zeros(shape, dtype))
            yield np.zeros(shape, dtype)
            return
        array = open_memmap(temporary, mode="w+", dtype=np.dtype(dtype), shape=shape)
        yield array
        array.flush()
        del array


def write_array(path: Path, array: np.ndarray) -> None:
    """Write ``array`` as an uncompressed ``.npy`` file, atomically."""
    with atomic(path) as temporary:
        np.save(temporary, np.ascontiguousarray(array))


def open_array(path: Path, dimensions: int | None = None) -> np.ndarray:
    """Open a shard read-only by memory map.

    ``dimensions`` is the expected number of axes. Raises InputError when the file is missing,
    truncated (a map over a truncated file would kill the process without a word), or of
    another kind.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; run the stage that writes it.") from None
    except (ValueError, OSError, EOFError) as error:
        if path.exists() and path.stat().st_size > 0:
            empty = _load_empty(path)
            if empty is not None:
                return empty
        raise InputError(
            f"{path} is truncated or no .npy file ({error}); {AGAIN}."
        ) from None
    if dimensions is not None and array.ndim != dimensions:
        raise InputError(
            f"{path} has {array.ndim} axes instead of {dimensions}; {AGAIN}."
        )
    return array


def _load_empty(path: Path) -> np.ndarray | None:
    """An array without elements, which cannot be memory-mapped; None if the file is broken."""
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError):
        return None
    return array if array.size == 0 else None


class JoinedArrays:
    """Several shards seen as one long array, rows in the order of the shards.

    ``paths`` must hold arrays of equal row shape; shards without rows are allowed.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.arrays = [open_array(path) for path in paths]
        filled = [
            (a.shape[1:], p) for a, p in zip(self.arrays, paths, strict=True) if len(a)
        ]
        for shape, path in filled[1:]:
            if shape != filled[0][0]:
                raise InputError(
                    f"{path} holds rows of shape {shape}, {filled[0][1]} of {filled[0][0]}; "
                    "cut all shards with the same patch size."
                )
        self.starts = np.cumsum([0, *(len(a) for a in self.arrays)])
        self.row_shape: tuple[int, ...] = filled[0][0] if filled else ()

    def __len__(self) -> int:
        return int(self.starts[-1])

    def gather(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Copy the given rows out, in the given order: [len(rows), *row_shape]."""
        wanted = np.asarray(rows, np.int64)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise IndexError(f"rows must lie in 0..{len(self) - 1}")
        dtype = next((a.dtype for a in self.arrays if len(a)), np.dtype(np.uint8))
        out = np.empty((len(wanted), *self.row_shape), dtype)
        shard = np.searchsorted(self.starts, wanted, side="right") - 1
        for number in np.unique(shard):
            here = np.flatnonzero(shard == number)
            local = wanted[here] - self.starts[number]
            for position, row in zip(here, local, strict=True):
                out[position] = self.arrays[number][row]
        return out
