"""Names and folders with blanks, quotes and shell syntax: used as they are, never executed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

HOSTILE = """corn "a"; touch p1 $(touch p2) 'x {y}"""
FOLDER = """it's a "run"; touch p3"""


def test_hostile_names_are_neither_executed_nor_changed(
    snakemake: Callable[..., Any], copy_workflow: Callable[[Path], Path], tmp_path: Path
) -> None:
    """A class and two folders (the run's, the checkout's) with such names, from tile to caption."""
    checkout, run = copy_workflow(tmp_path / f"checkout {FOLDER}"), tmp_path / FOLDER
    run.mkdir()
    overlay = run / "my overlay.yaml"
    classes = [
        {"name": HOSTILE, "codes": [40, 50, 60, 80], "color": [255, 215, 0]},
        {"name": "other", "codes": [10, 20, 30, 90, 95, 100, 70], "color": [0, 100, 0]},
    ]
    configuration = {"legend": {"no_data": [0], "classes": classes}}
    configuration["patches"] = {"water_class": HOSTILE}
    overlay.write_text(json.dumps(configuration), "utf-8")
    answer = snakemake(
        *("--cores", "2", "--snakefile", checkout / "Snakefile", "--directory", run),
        *("--configfile", checkout / "config" / "micro.yaml", overlay, "--", "captions"),
        folder=tmp_path,
    )
    assert answer.code == 0, answer.text
    assert not list(tmp_path.rglob("p[123]*"))
    composition = pq.read_table(run / "results" / "composition" / "real" / "N36E030.parquet")
    assert f"share_{HOSTILE}" in composition.column_names
    captions = pq.read_table(
        run / "results" / "captions" / "grammar_hybrid" / "real" / "N36E030.parquet"
    )
    assert set(captions["status"].to_pylist()) == {"ok"}
    assert any(HOSTILE in caption for caption in captions["caption"].to_pylist())
