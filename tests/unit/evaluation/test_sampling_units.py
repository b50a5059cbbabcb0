"""Units of resampling: patches, or the blocks that their centres lie in."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely

from groundsynth.errors import InputError
from groundsynth.evaluation.sampling_units import units_of
from groundsynth.tables import write_table


@pytest.fixture
def index(tmp_path: Path) -> list[Path]:
    """Patches of 0.1 degrees in two rows of three, from 30 degrees east, 36 north; two files."""
    paths = []
    for row in range(2):
        boxes = [
            shapely.box(30 + c / 10, 36 + row / 10, 30.1 + c / 10, 36.1 + row / 10)
            for c in range(3)
        ]
        columns = {
            "patch_id": [f"{row}{c}" for c in range(3)],
            "tile": ["N36E030"] * 3,
            "row": [row] * 3,
            "column": list(range(3)),
            "split": ["test"] * 3,
            "crs": ["EPSG:4326"] * 3,
            "transform": [[1.0, 0, 0, 0, -1, 0]] * 3,
            "geometry": [shapely.to_wkb(box) for box in boxes],
            "year": [2021] * 3,
            "scaling": ["reflectance"] * 3,
        }
        paths.append(tmp_path / f"{row}.parquet")
        write_table(paths[-1], columns, "real_index", {})
    return paths


def test_each_patch_is_a_unit_without_blocks() -> None:
    assert units_of(["b", "a", "c"], [], None).tolist() == [0, 1, 2]


def test_patches_of_a_block_are_one_unit(index: list[Path]) -> None:
    ids = ["12", "00", "01", "02", "10"]
    assert units_of(ids, index, 0.2).tolist() == [1, 0, 0, 1, 0]
    assert units_of(ids, index, 1.0).tolist() == [0] * 5
    assert len(set(units_of(ids, index, 0.1).tolist())) == 5


def test_a_patch_without_place_is_named(index: list[Path]) -> None:
    with pytest.raises(InputError, match=r"test patch '99' \(1 missing\)"):
        units_of(["00", "99"], index, 0.2)
