"""The steps that are measured beside the verb cut-patches."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from rasterio.transform import Affine

from ..patches.conftest import write_raster

Benchmark = Callable[[str], ModuleType]


def test_the_steps_filter_as_the_verb_does(
    benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pixel of the configured no-data value (0) costs its patch; the other patch is kept."""
    steps = benchmark("steps")
    image, place = np.ones((4, 256, 512), np.uint16), Affine(0.01, 0, 30, 0, -0.01, 37)
    image[:, 100, 100] = 0
    paths = [
        write_raster(tmp_path / "i.tif", image, place, "EPSG:4326"),
        write_raster(tmp_path / "l.tif", np.full((256, 512), 10, np.uint8), place, "EPSG:4326"),
    ]
    found: list[Any] = []

    def noted(*arguments: Any) -> list[Any]:
        found.extend(candidates(*arguments))
        return found

    candidates = steps.candidates
    monkeypatch.setattr(steps, "candidates", noted)
    steps.cpu_of_steps(benchmark("tile_pair").TilePair(*paths, 512), tmp_path, "reflectance")
    assert [candidate.reason for candidate in found] == ["imagery_missing", None]
