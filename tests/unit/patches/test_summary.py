"""The index of the run, and figures that add up from candidates to splits."""

import csv
from collections.abc import Callable
from pathlib import Path

import geopandas
import pytest

from groundsynth.errors import InputError
from groundsynth.patches.summary import summarise_patches

from .conftest import Shard, Tiles

Cut = Callable[..., Shard]


def summarise(folder: Path, names: list[str]) -> None:
    summarise_patches(
        indices=[folder / name / "s.index.parquet" for name in names],
        counts=[folder / name / "s.counts.json" for name in names],
        index=folder / "index.parquet",
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
    summarise(tiles.folder, ["a", "b", "c"])
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
            funnel=tiles.folder / "funnel.csv",
            splits=tiles.folder / "splits.csv",
            distances=tiles.folder / "distances.csv",
        )
    with pytest.raises(InputError, match=r"N36E030_000_000 stands .* more than once"):
        summarise_patches(
            indices=[tiles.folder / "a" / "s.index.parquet"] * 2,
            counts=[tiles.folder / n / "s.counts.json" for n in ("a", "b")],
            index=tiles.folder / "index.parquet",
            funnel=tiles.folder / "funnel.csv",
            splits=tiles.folder / "splits.csv",
            distances=tiles.folder / "distances.csv",
        )
