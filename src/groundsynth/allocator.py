"""Memory that the process gave back is kept for its next request.

A step of a training asks for the same arrays as the step before. glibc by default returns large
ones to the kernel at once, which hands them out again page by page, filled with zeros: up to a
quarter of a step's time on a CPU.
"""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3), as glibc's malloc.h numbers them."""
LARGEST_KEPT = 1 << 30
"""Bytes; a single request above it is still returned to the kernel when it is freed."""
NEVER = -1


def keep_freed_memory() -> bool:
    """Ask the C library to keep what is freed; whether it can (glibc on Linux).

    The peak of the memory stays as it is; what is held between two peaks does not shrink.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGEST_KEPT) and mallopt(TRIM_THRESHOLD, NEVER))
