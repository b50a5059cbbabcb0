"""What is freed stays with the process, so that the kernel need not hand it out anew."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from groundsynth.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def faults():
    for _ in range(5):
        b"x" * 40_000_000  # 40 MB, freed at once; up to 32 MB glibc keeps itself
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator")
def test_what_was_freed_is_taken_again_without_new_pages() -> None:
    """A page fault for each 4 KB of each request without it."""
    faults = {
        how: int(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, how], check=True, capture_output=True, text=True
            ).stdout
        )
        for how in ("returned", "kept")
    }
    assert faults["kept"] < 100
    assert faults["returned"] > 1000
