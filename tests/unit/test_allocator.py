"""What is freed stays with the process, so that the kernel need not hand it out anew."""

import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from groundsynth import allocator

PROGRAM = """
import resource, sys
from groundsynth.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def faults():
    for _ in range(5):
        [b"x" * 24_000_000 for _ in range(4)]  # glibc itself keeps some 64 MB, and no 96
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


def test_an_old_library_is_asked_for_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses thresholds above 32 MB and leaves all as it was."""
    asked: dict[int, int] = {}

    def mallopt(parameter: int, value: int) -> int:
        if parameter == allocator.MMAP_THRESHOLD and value > 32 << 20:
            return 0
        asked[parameter] = value
        return 1

    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=mallopt))
    assert allocator.keep_freed_memory()
    assert asked == {allocator.MMAP_THRESHOLD: 32 << 20, allocator.TRIM_THRESHOLD: -1}
