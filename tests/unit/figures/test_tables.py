"""Result tables: figures worked out by hand, header-only tables, Markdown."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groundsynth.errors import InputError
from groundsynth.figures.caption_tables import subsets
from groundsynth.figures.tables import make_tables
from groundsynth.files import write_json

NAMES = ("table1", "table2", "table3", "table4", "composition", "distances")
FRECHET = {
    "population": "unconditional",
    "distance": 40.0,
    "untrained_distance": 160.0,
    "ratio": 0.25,
    "floor": None,
    "counts": {"real_train": 6, "real_test": 1, "synthetic": 8, "untrained": 4},
    "feature_model": "unet",
}


def read(folder: Path, name: str) -> list[dict[str, str]]:
    """Rows of a CSV table."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def make(run: Any, legend: dict[str, Any], folder: Path, **inputs: Any) -> Path:
    """Tables of a run, with some of its inputs replaced."""
    given = {**run.table_inputs(), **inputs}
    make_tables(**given, legend=legend, clip_name="tiny, of this run", folder=folder)
    return folder


def test_redundancy_of_table_1_is_the_papers(
    full_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    rows = {row["subset"]: row for row in read(make(full_run, legend, tmp_path / "t"), "table1")}
    assert list(rows) == ["all", "real", "synthetic"]
    # two captioners; the second one repeats one caption in each population
    assert (rows["all"]["images"], rows["all"]["captions"]) == ("20", "40")
    assert float(rows["all"]["redundancy_percent"]) == pytest.approx(100 * (1 - 38 / 40))
    assert float(rows["real"]["redundancy_percent"]) == pytest.approx(100 * (1 - 23 / 24))
    assert float(rows["synthetic"]["clipscore"]) == pytest.approx(25)  # of 20 and 30
    assert rows["real"]["image_text_model"] == "tiny, of this run"


def test_table_2_holds_each_captioner_of_each_subset(
    full_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    rows = read(make(full_run, legend, tmp_path / "t"), "table2")
    assert [row["subset"] for row in rows] == ["all"] * 2 + ["real"] * 2 + ["synthetic"] * 2
    hybrid = rows[3]
    assert (hybrid["captioner"], hybrid["unique_captions"]) == ("grammar_hybrid", "11")
    assert float(hybrid["redundancy_percent"]) == pytest.approx(100 / 12)
    assert float(hybrid["clipscore"]) == pytest.approx(30)
    assert float(hybrid["cut_percent"]) == 100


def test_two_captioned_synthetic_populations_stand_by_name() -> None:
    groups: dict[str, Any] = {"real": {}, "unconditional": {}, "conditional": {}}
    found = subsets({"a": {"groups": groups}, "b": {"groups": {"real": {}}}})
    assert list(found) == ["all", "real", "unconditional", "conditional"]
    assert found["all"] == ["real", "unconditional", "conditional"]


def test_scores_come_from_summed_counts_in_percent(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    counts = np.zeros((2, 3, 3), int)
    counts[0] = [[8, 2, 0], [0, 0, 0], [0, 0, 0]]
    counts[1] = [[0, 0, 0], [0, 10, 0], [0, 0, 0]]
    bare_run.add_cell("real", "fpn", 2024, counts)
    folder = make(bare_run, legend, tmp_path / "t")
    (row,) = read(folder, "table3")
    f1 = (2 * 8 / (10 + 8) + 2 * 10 / (10 + 12)) / 2  # water occurs nowhere and is left out
    assert float(row["f1"]) == pytest.approx(100 * f1, abs=1e-9)
    assert float(row["accuracy"]) == pytest.approx(90)
    assert (row["classes_left_out"], row["test_patches"], row["seed"]) == ("1", "2", "2024")
    (by_class,) = read(folder, "table4")
    assert float(by_class["f1_tree"]) == pytest.approx(100 * 16 / 18)
    assert by_class["f1_water"] == ""


def test_markdown_is_rounded_and_escaped(
    full_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    legend = {**legend, "classes": [{**legend["classes"][0]}, *legend["classes"][1:]]}
    full_run.add_cell("a|b", "unet", 2024, np.ones((1, 3, 3), int))
    lines = (make(full_run, legend, tmp_path / "t") / "table3.md").read_text().splitlines()
    assert lines[1].startswith("| :--- | :--- | :--- | ---: |")
    assert "| a\\|b | unet | 2024 | 33.33 | 20.00 |" in lines[-3]


def test_distances_and_composition(full_run: Any, legend: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "unconditional.json"
    write_json(path, FRECHET)
    folder = make(full_run, legend, tmp_path / "t", frechets=[path])
    (row,) = read(folder, "distances")
    assert (row["percent_of_untrained"], row["samples"]) == ("25.0", "8")
    assert row["real_test_distance"] == ""
    shares = [r for r in read(folder, "composition") if r["population"] == "real"]
    assert sum(float(r["total_percent"]) for r in shares[:3]) == pytest.approx(100)
    assert shares[-1]["class"] == "all classes"
    assert float(shares[-1]["jensen_shannon_to_real"]) == 0


def test_without_input_every_table_is_its_header(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    empty: dict[str, Any] = {name: [] for name in bare_run.table_inputs()}
    folder = make(bare_run, legend, tmp_path / "t", **empty)
    for name in NAMES:
        assert read(folder, name) == []
        assert len((folder / f"{name}.csv").read_text().splitlines()) == 1
    for name in NAMES[:4]:
        assert len((folder / f"{name}.md").read_text().splitlines()) == 2


def test_broken_input_is_named_and_leaves_nothing(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    broken = tmp_path / "grammar.json"
    write_json(broken, {"unique": 3})
    with pytest.raises(InputError, match=r"grammar\.json"):
        make(bare_run, legend, tmp_path / "t", redundancies=[broken])
    with pytest.raises(InputError, match=r"grammar\.json has no 'ratio'"):
        make(bare_run, legend, tmp_path / "u", frechets=[broken])
    assert not list((tmp_path / "t").glob("*"))


def test_counts_of_another_legend_are_refused(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    path = bare_run.add_cell("real", "fpn", 1, np.ones((2, 4, 4), int))
    with pytest.raises(InputError, match=r"fpn/1/confusion\.parquet does not hold 3 x 3"):
        make(bare_run, legend, tmp_path / "t", confusions=[path])


def test_a_table_without_test_patches_is_refused(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    path = bare_run.add_cell("real", "fpn", 1, np.ones((0, 9), int))
    with pytest.raises(InputError, match="no test patch"):
        make(bare_run, legend, tmp_path / "t", confusions=[path])


def test_tables_and_report_do_not_import_heavy_libraries() -> None:
    code = (
        "import sys, groundsynth.figures.tables, groundsynth.figures.page;"
        "print([m for m in ('torch', 'matplotlib', 'rasterio') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
