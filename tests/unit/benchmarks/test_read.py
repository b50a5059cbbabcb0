"""The cold side of reading samples."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

Benchmark = Callable[[str], ModuleType]


def test_what_is_dropped_is_mapped_by_nobody(
    benchmark: Benchmark,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The kernel keeps the pages of files that are mapped."""
    dropped: list[str] = []
    advise = os.posix_fadvise

    def watched(descriptor: int, *more: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        assert path not in Path("/proc/self/maps").read_text("utf-8")
        dropped.append(path)
        advise(descriptor, *more)

    monkeypatch.setattr(os, "posix_fadvise", watched)
    words = ["--folder", str(tmp_path), "--samples", "8", "--repetitions", "2"]
    monkeypatch.setattr("sys.argv", ["read.py", *words])
    module = benchmark("read")
    scene = np.ones((4, 1024, 1024), np.uint16), np.ones((1024, 1024), np.uint8)
    monkeypatch.setattr(module, "imagery", lambda *_: scene)  # simulating it takes seconds
    module.main()
    assert len(dropped) == 2 * 4  # images and masks of two shards in each round
    lines = capsys.readouterr().out.splitlines()
    cold = next(line for line in lines if line.startswith("shards, cold cache"))
    assert re.search(r"\d+\.\d% in the cache before$", cold)


def test_the_share_in_the_cache_follows_reading_and_dropping(
    benchmark: Benchmark, tmp_path: Path
) -> None:
    page_cache, path = benchmark("page_cache"), tmp_path / "file"
    path.write_bytes(os.urandom(1 << 20))
    path.read_bytes()
    assert page_cache.resident_share([path]) == 1
    page_cache.drop([path])
    kind = subprocess.check_output(["stat", "--file-system", "--format=%T", path], text=True)
    # A file system in memory has nowhere else to keep its pages.
    assert page_cache.resident_share([path]) == (1 if kind.strip() in ("tmpfs", "ramfs") else 0)
    with path.open("rb", buffering=0) as stream:
        stream.read(100)
    assert page_cache.resident_share([path]) > 0
