"""Filters, scaling, splits, growing arrays and counts, each by itself."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.patches.counts import TileCounts, read_counts, write_counts
from groundsynth.patches.filters import imagery_missing, labels_missing, mostly_water
from groundsynth.patches.growing import growing_array
from groundsynth.patches.scaling import require_scaling, to_8_bit
from groundsynth.patches.splits import Splitter
from groundsynth.shards import open_array

PLACE = (30.0, 36.0, 30.1, 36.1)
FRACTIONS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def test_filters() -> None:
    mask = np.zeros((4, 4), np.uint8)
    assert not labels_missing(mask)
    mask[3, 3] = 255
    assert labels_missing(mask)
    image = np.zeros((3, 4, 4), np.uint16)
    assert imagery_missing(image, None)
    image[0] = 5
    assert not imagery_missing(image, 0)
    image[0, 2, 2] = 0
    assert not imagery_missing(image, None)
    assert imagery_missing(image, 0)
    water = np.repeat(np.array([6, 0], np.uint8), [9, 1])
    assert not mostly_water(water, 6, 90)
    assert mostly_water(water, 6, 89.9)
    assert not mostly_water(water, None, 0)


def test_patch_max_is_that_of_the_published_script() -> None:
    image = np.random.default_rng(1).integers(0, 4000, (3, 8, 8)).astype(np.uint16)
    expected = (image.transpose(1, 2, 0) / image.max() * 255).astype(np.uint8)
    scaled = to_8_bit(image, "patch_max", [])
    np.testing.assert_array_equal(scaled, expected)
    assert scaled.max() == 255


def test_other_scalings() -> None:
    image = np.array([-5, 0, 1500, 3000, 9000], np.float32).reshape(1, 1, 5).repeat(3, 0)
    stretched = to_8_bit(image, "reflectance", [0, 3000])
    assert stretched[0, :, 1].tolist() == [0, 0, 128, 255, 255]
    ramp = np.arange(300, dtype=np.uint16).reshape(3, 10, 10)
    spread = to_8_bit(ramp, "percentile", [])
    assert (spread == 0).mean() == pytest.approx(0.02, abs=0.01)
    assert (spread == 255).mean() == pytest.approx(0.02, abs=0.01)
    flat = to_8_bit(np.full((3, 2, 2), 7, np.uint16), "percentile", [])
    assert (flat == 0).all()
    same = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    np.testing.assert_array_equal(to_8_bit(same, "none", []), same.transpose(1, 2, 0))
    require_scaling("none", [], "uint8", "a.tif")
    with pytest.raises(ConfigurationError, match=r"a.tif holds int16"):
        require_scaling("none", [], "int16", "a.tif")


def test_random_splits_follow_the_documented_hash() -> None:
    splitter = Splitter("random", FRACTIONS, 42)
    names = [f"N36E030_{r:03d}_{c:03d}" for r in range(40) for c in range(50)]
    found = {name: splitter.split_of(name, PLACE) for name in names}
    for name in names[:50]:
        digest = hashlib.sha256(f"42/{name}".encode()).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64
        expected = "train" if place < 0.8 else "validation" if place < 0.9 else "test"
        assert found[name] == expected
    shares = [list(found.values()).count(split) / 2000 for split in FRACTIONS]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.03)
    other = Splitter("random", FRACTIONS, 43)
    assert any(other.split_of(name, PLACE) != split for name, split in found.items())


def test_block_splits_keep_neighbours_together() -> None:
    splitter = Splitter("block", FRACTIONS, 42, 0.25)
    places = [(30 + x / 40, -1 + y / 40) for x in range(80) for y in range(80)]
    blocks: dict[tuple[int, int], set[str]] = {}
    for number, (x, y) in enumerate(places):
        block = (int(np.floor(x / 0.25)), int(np.floor(y / 0.25)))
        blocks.setdefault(block, set()).add(splitter.split_of(f"patch {number}", (x, y, x, y)))
    assert len(blocks) == 64
    assert all(len(found) == 1 for found in blocks.values())
    assert {split for found in blocks.values() for split in found} == set(FRACTIONS)


def test_a_split_without_share_gets_nothing() -> None:
    splitter = Splitter("random", {"train": 0.5, "test": 0.5}, 1)
    found = {splitter.split_of(f"p{n}", PLACE) for n in range(200)}
    assert found == {"train", "test"}


@pytest.mark.parametrize("rows", [0, 1, 1234])
def test_growing_arrays_are_plain_arrays(tmp_path: Path, rows: int) -> None:
    content = np.random.default_rng(1).integers(0, 256, (rows, 4, 5)).astype(np.uint8)
    with growing_array(tmp_path / "a.npy", (4, 5)) as array:
        for row in content:
            array.append(row)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), content)
    np.testing.assert_array_equal(open_array(tmp_path / "a.npy", 3), content)


def test_growing_arrays_refuse_other_rows_and_leave_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="among uint8"),
        growing_array(tmp_path / "a.npy", (4, 5)) as array,
    ):
        array.append(np.zeros((5, 4), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_counts_must_add_up(tmp_path: Path) -> None:
    counts = TileCounts()
    for reason in (None, None, "water", "labels_missing"):
        counts.count(reason)
    write_counts(tmp_path / "c.json", {"N36E030": counts})
    assert read_counts(tmp_path / "c.json") == {"N36E030": counts}
    content = json.loads((tmp_path / "c.json").read_text())
    assert content["N36E030"]["dropped"]["water"] == 1
    content["N36E030"]["kept"] = 1
    (tmp_path / "c.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"c.json: the counts of N36E030 do not add up"):
        read_counts(tmp_path / "c.json")
    counts.kept += 1
    with pytest.raises(InputError, match="do not add up"):
        write_counts(tmp_path / "d.json", {"N36E030": counts})
    for text in ('{"a": 3}', '{"a": {"n": 1}}', "[]"):
        (tmp_path / "c.json").write_text(text)
        with pytest.raises(InputError, match="holds no patch counts"):
            read_counts(tmp_path / "c.json")
