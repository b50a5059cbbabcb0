"""The index of the run, and figures that add up from candidates to splits."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.patches.splits import SPLITS
from groundsynth.patches.summary import summarise_patches

from .conftest import Shard, Tiles

Cut = Callable[..., Shard]


def summarise(
    folder: Path,
    names: list[str],
    split_file: Path | None = None,
    needed: tuple[str, ...] = (),
) -> None:
    summarise_patches(
        indices=[folder / name / "s.index.parquet" for name in names],
        counts=[folder / name / "s.counts.json" for name in names],
        index=folder / "index.parquet",
        receipts=[],
        split_file=split_file,
        needed_splits=list(needed),
        funnel=folder / "funnel.csv",
        splits=folder / "splits.csv",
        distances=folder / "distances.csv",
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_run_in_figures(cut: Cut, tiles: Tiles) -> None:
    first = cut(tiles.imagery[:1], tiles.labels, "a")
    second = cut(tiles.imagery[1:], tiles.labels, "b", water_class="tree", max_water_percent=28)
    absent = tiles.folder / "imagery" / "N37E031.tif"
    absent.touch()
    cut([absent], tiles.labels, "c")
    kept = second.counts["N38E032"]["kept"]
    assert 0 < kept < 36
    summarise(tiles.folder, ["a", "b", "c"], needed=SPLITS)
    frame = geopandas.read_parquet(tiles.folder / "index.parquet")
    assert frame.patch_id.tolist() == first.ids + second.ids
    assert frame.crs.to_epsg() == 4326
    assert frame.total_bounds[0] == pytest.approx(30)
    funnel = {row["tile"]: row for row in rows_of(tiles.folder / "funnel.csv")}
    assert list(funnel) == ["N36E030", "N37E031", "N38E032", "total"]
    assert funnel["N38E032"] == {
        "tile": "N38E032",
        "candidates": "36",
        "kept": str(kept),
        "dropped_labels_missing": "0",
        "dropped_imagery_missing": "0",
        "dropped_water": str(36 - kept),
        "dropped_near_other_split": "0",
        "dropped_not_listed": "0",
    }
    assert int(funnel["total"]["candidates"]) == 72
    assert int(funnel["total"]["kept"]) == 36 + kept == len(frame)
    splits = {row["split"]: int(row["patches"]) for row in rows_of(tiles.folder / "splits.csv")}
    assert splits == frame.split.value_counts().to_dict()
    assert list(splits) == ["train", "validation", "test"]
    distances = rows_of(tiles.folder / "distances.csv")
    assert [(row["split"], row["other_split"]) for row in distances] == [
        ("train", "validation"),
        ("train", "test"),
        ("validation", "test"),
    ]
    assert (distances[0]["distance_metres"], distances[0]["distance_patches"]) == ("0.0", "0.000")
    assert int(distances[0]["pairs_nearer_than_one_patch"]) > 0
    one, other = distances[0]["nearest"].split()
    split_of = dict(zip(frame.patch_id, frame.split, strict=True))
    assert (split_of[one], split_of[other]) == ("train", "validation")


def test_no_patch_at_all_is_a_table_without_rows(cut: Cut, tiles: Tiles) -> None:
    absent = tiles.folder / "imagery" / "N37E031.tif"
    absent.touch()
    cut([absent], tiles.labels, "c")
    summarise(tiles.folder, ["c"])
    assert len(geopandas.read_parquet(tiles.folder / "index.parquet")) == 0
    assert rows_of(tiles.folder / "splits.csv")[0]["patches"] == "0"
    assert rows_of(tiles.folder / "distances.csv")[0]["distance_metres"] == ""


def test_a_split_without_patches_that_models_need_is_an_error(cut: Cut, tiles: Tiles) -> None:
    fractions = {"train": 0.9, "validation": 0.1, "test": 0}
    cut(tiles.imagery, tiles.labels, "a", split_fractions=fractions)
    said = r"need test patches, but there are none \(train \d+, validation \d+, test 0\); enlarge"
    with pytest.raises(InputError, match=said):
        summarise(tiles.folder, ["a"], needed=SPLITS)
    assert not list(tiles.folder.glob("*.csv"))
    summarise(tiles.folder, ["a"], needed=("train",))
    assert rows_of(tiles.folder / "splits.csv")[2]["patches"] == "0"


def test_what_a_split_file_leaves_empty_is_to_be_listed(cut: Cut, tiles: Tiles) -> None:
    split_file = tiles.folder / "captions.csv"
    split_file.write_text("filename,split\nN36E030_000_000.png,test\n", "utf-8")
    cut(tiles.imagery, tiles.labels, "a", split_method="file", split_file=split_file)
    said = r"need train and validation patches, .*\(train 0, validation 0, test 1\); .*captions.csv"
    with pytest.raises(InputError, match=said):
        summarise(tiles.folder, ["a"], split_file, needed=SPLITS)


def test_no_patch_for_models_is_an_error_with_the_reasons(cut: Cut, tiles: Tiles) -> None:
    cut(tiles.imagery[:1], tiles.labels, "a", water_class="tree", max_water_percent=0)
    with pytest.raises(InputError, match=r"No patch was kept \(candidates 36, water 36\); enlarge"):
        summarise(tiles.folder, ["a"], needed=("train",))


def test_a_tile_cut_twice_is_named(cut: Cut, tiles: Tiles) -> None:
    cut(tiles.imagery, tiles.labels, "a")
    cut(tiles.imagery[1:], tiles.labels, "b")
    with pytest.raises(InputError, match=r"b/s.counts.json: the tile N38E032"):
        summarise(tiles.folder, ["a", "b"])
    assert not (tiles.folder / "index.parquet").exists()


def test_index_and_counts_must_agree(cut: Cut, tiles: Tiles) -> None:
    cut(tiles.imagery[:1], tiles.labels, "a")
    cut(tiles.imagery[1:], tiles.labels, "b")
    with pytest.raises(InputError, match="hold 36 patches but the counts 72"):
        summarise_patches(
            indices=[tiles.folder / "a" / "s.index.parquet"],
            counts=[tiles.folder / n / "s.counts.json" for n in ("a", "b")],
            index=tiles.folder / "index.parquet",
            receipts=[],
            split_file=None,
            needed_splits=[],
            funnel=tiles.folder / "funnel.csv",
            splits=tiles.folder / "splits.csv",
            distances=tiles.folder / "distances.csv",
        )
    with pytest.raises(InputError, match=r"N36E030_000_000 stands .* more than once"):
        summarise_patches(
            indices=[tiles.folder / "a" / "s.index.parquet"] * 2,
            counts=[tiles.folder / n / "s.counts.json" for n in ("a", "b")],
            index=tiles.folder / "index.parquet",
            receipts=[],
            split_file=None,
            needed_splits=[],
            funnel=tiles.folder / "funnel.csv",
            splits=tiles.folder / "splits.csv",
            distances=tiles.folder / "distances.csv",
        )


def test_a_split_file_keeps_what_it_lists_and_the_counts_add_up(
    cut: Cut, tiles: Tiles, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = {f"N36E030_00{row}_002": ("train", "val", "test")[row % 3] for row in range(6)}
    listed |= {"N36E030_077_077": "train", "N40E040_000_000": "test"}
    rows = [f"{name}.png,{split},a\n" for name, split in listed.items()]
    split_file = tiles.folder / "captions.csv"
    split_file.write_text("filename,split,text\n" + "".join(rows), "utf-8")
    by_file = {"split_method": "file", "split_file": split_file}
    shard = cut(tiles.imagery, tiles.labels, "a", **by_file)
    assert shard.ids == sorted(listed)[:6]
    assert shard.images.shape[0] == shard.masks.shape[0] == 6
    splits = shard.index.column("split").to_pylist()
    assert splits == ["train", "validation", "test"] * 2
    whole = cut(tiles.imagery, tiles.labels, "b")
    places = [whole.ids.index(name) for name in shard.ids]
    np.testing.assert_array_equal(shard.images, whole.images[places])
    np.testing.assert_array_equal(shard.masks, whole.masks[places])
    summarise(tiles.folder, ["a"], split_file)
    said = (
        "2 of the 8 patches that .*captions.csv lists were not cut .train 1, validation 0, test 1"
    )
    assert re.search(said, capsys.readouterr().err)
    total = rows_of(tiles.folder / "funnel.csv")[-1]
    assert {name: total[name] for name in ("candidates", "kept", "dropped_not_listed")} == {
        **{"candidates": "72", "kept": "6", "dropped_not_listed": "66"}
    }
    found = rows_of(tiles.folder / "splits.csv")
    assert [(row["patches"], row["listed"]) for row in found] == [
        ("2", "3"),
        ("2", "2"),
        ("2", "3"),
    ]


def test_a_split_file_of_another_place_is_an_error(cut: Cut, tiles: Tiles) -> None:
    split_file = tiles.folder / "captions.csv"
    split_file.write_text("filename,split\nN40E040_000_000.png,train\n", "utf-8")
    shard = cut(tiles.imagery, tiles.labels, "a", split_method="file", split_file=split_file)
    assert shard.ids == []
    with pytest.raises(InputError, match=r"None of the 1 patches that .*captions.csv lists"):
        summarise(tiles.folder, ["a"], split_file)
    assert not (tiles.folder / "funnel.csv").exists()


@pytest.mark.parametrize(("method", "given"), [("file", False), ("random", True)])
def test_the_method_and_the_split_file_belong_together(
    cut: Cut, tiles: Tiles, method: str, given: bool
) -> None:
    split_file = tiles.folder / "captions.csv"
    split_file.write_text("filename,split\nN36E030_000_000.png,train\n", "utf-8")
    with pytest.raises(ConfigurationError, match=f"split method is '{method}' and a split file is"):
        cut(
            tiles.imagery,
            tiles.labels,
            split_method=method,
            split_file=split_file if given else None,
        )
