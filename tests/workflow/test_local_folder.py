"""Tiles from a local folder: linked, their own times left alone, and noticed when replaced."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from groundsynth.sources.simulation import simulate_imagery, simulate_labels
from groundsynth.sources.worldcover import imagery_key, label_key

Snakemake = Callable[..., Any]


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder with the layout of the buckets and one tile of each kind, made some time ago."""
    folder, receipt = tmp_path / "mirror", tmp_path / "receipt.json"
    simulated: dict[str, Any] = {"pixels_per_degree": 128, "seed": 1, "receipt": receipt}
    imagery, labels = imagery_key("N36E030", 2021), label_key("N36E030", 2021)
    simulate_imagery(tile="N36E030", output=folder / imagery, **simulated)
    simulate_labels(tile="N36E030", output=folder / labels, **simulated)
    return folder


def run_from(folder: str, run: Path) -> tuple[str | Path, ...]:
    """Words that cut the patches of one imagery tile (and one that is absent) of a folder."""
    run.mkdir(exist_ok=True)
    worldcover = {"imagery_url": folder, "labels_url": folder}
    area = {"west": 30.1, "south": 36.1, "east": 31.9, "north": 36.9}
    source = {"kind": "worldcover", "area": area, "worldcover": worldcover}
    (run / "overlay.json").write_text(json.dumps({"source": source}), "utf-8")
    return (
        *("--cores", "1", "--directory", run, "--configfile", "config/micro.yaml"),
        *(run / "overlay.json", "--", "patches"),
    )


def test_a_folder_is_linked_and_left_as_it_is(
    snakemake: Snakemake, mirror: Path, tmp_path: Path
) -> None:
    files = [path for path in mirror.rglob("*") if path.is_file()]
    times = [path.stat().st_mtime_ns for path in files]
    run = tmp_path / "run"
    words = run_from("../mirror", run)  # as seen from the run's folder
    answer = snakemake(*words)
    assert answer.code == 0, answer.text
    assert [path.stat().st_mtime_ns for path in files] == times
    tile = run / "resources" / "worldcover" / "imagery" / "N36E030.tif"
    assert tile.is_symlink()
    assert tile.samefile(mirror / imagery_key("N36E030", 2021))
    receipt = json.loads(tile.with_suffix(".json").read_text("utf-8"))
    assert receipt["origin"] == f"local copy of {imagery_key('N36E030', 2021)}"
    absent = json.loads(tile.with_name("N36E031.json").read_text("utf-8"))
    assert absent["present"] is False
    index = pq.read_table(run / "results" / "patches" / "index.parquet")
    assert set(index["tile"].to_pylist()) == {"N36E030"}
    assert not snakemake("-n", *words).jobs, "nothing is left to do"
    simulate_imagery(
        tile="N36E030",
        pixels_per_degree=128,
        seed=2,
        output=mirror / imagery_key("N36E030", 2021),
        receipt=tmp_path / "receipt.json",
    )
    assert set(snakemake("-n", *words).jobs) == {"cut_patches", "summarise_patches", "patches"}


def test_a_folder_without_a_single_tile_is_an_error_that_names_one(
    snakemake: Snakemake, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    answer = snakemake(*run_from(str(tmp_path / "empty"), tmp_path / "run"))
    assert answer.code != 0
    first = f"(the first asked for was local copy of {imagery_key('N36E030', 2021)})"
    assert f"None of the 2 imagery tiles of the area exists {first}" in answer.text
    assert not (tmp_path / "run" / "results" / "patches" / "funnel.csv").exists()
