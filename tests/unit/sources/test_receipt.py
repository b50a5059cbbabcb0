"""Receipts: a run without a single tile is an error that names the address."""

import json
from pathlib import Path

import pytest

from groundsynth.errors import FetchError, InputError
from groundsynth.sources.receipt import require_any_present, write_absent, write_receipt


def receipts(folder: Path, kind: str, present: list[bool]) -> list[Path]:
    written = []
    for number, there in enumerate(present):
        tile = folder / kind / f"N36E{number:03d}.tif"
        tile.parent.mkdir(exist_ok=True)
        tile.write_bytes(b"II") if there else write_absent(tile)
        address = f"https://mirror.example/{kind}/{number}.tif"
        write_receipt(tile.stem, address, tile, tile.with_suffix(".json"))
        written.append(tile.with_suffix(".json"))
    return written


def test_some_tiles_may_be_absent(tmp_path: Path) -> None:
    require_any_present([])
    imagery = receipts(tmp_path, "imagery", [False, True, False])
    require_any_present([*imagery, *receipts(tmp_path, "labels", [True])])
    assert json.loads(imagery[0].read_text())["present"] is False


@pytest.mark.parametrize("kind", ["imagery", "labels"])
def test_all_tiles_absent_names_the_address(tmp_path: Path, kind: str) -> None:
    other = {"imagery": "labels", "labels": "imagery"}[kind]
    paths = receipts(tmp_path, kind, [False, False]) + receipts(tmp_path, other, [False, True])
    with pytest.raises(
        FetchError,
        match=rf"None of the 2 {kind} tiles .*https://mirror.example/{kind}/0.tif.*{kind}_url",
    ):
        require_any_present(paths)


def test_a_missing_receipt_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"N36E030.json is missing"):
        require_any_present([tmp_path / "N36E030.json"])
