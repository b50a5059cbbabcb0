"""The page cache of Linux: dropping files from it, and which share of them it holds."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

LIBC = ctypes.CDLL(None, use_errno=True)


def drop(paths: Sequence[Path]) -> None:
    """Ask for the files' pages to leave the cache; those of a file that is mapped stay."""
    for path in paths:
        with path.open("r+b") as stream:
            os.fsync(stream.fileno())  # pages that are not on the disk yet stay too
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def resident_share(paths: Sequence[Path]) -> float:
    """Share of the files' pages that the cache holds, 0 to 1, as mincore says."""
    pages = np.concatenate([_resident(path) for path in paths])
    return float(pages.mean())


def _resident(path: Path) -> np.ndarray:
    """bool [pages] of a file that is not empty; mapping it reads nothing."""
    content = np.memmap(path, np.uint8, "r")
    pages = np.zeros(-(-content.size // mmap.PAGESIZE), np.uint8)
    address, length = ctypes.c_void_p(content.ctypes.data), ctypes.c_size_t(content.size)
    if LIBC.mincore(address, length, pages.ctypes.data_as(ctypes.c_void_p)):
        raise OSError(ctypes.get_errno(), "mincore", str(path))
    return pages & 1 == 1
