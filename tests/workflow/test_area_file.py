"""An area given as a vector file: its tiles are the plan's, and are listed only once."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import pytest
from shapely.geometry import box

from groundsynth.estimate import candidates, merged_configuration

Snakemake = Callable[..., Any]
ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "geopandas", "rasterio", "shapely"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with an area of two polygons (metres) on three tiles, and an overlay."""
    shapes = geopandas.GeoSeries([box(26.2, 36.1, 26.8, 36.9), box(29.5, 38.2, 30.5, 38.8)])
    shapes.set_crs("EPSG:4326").to_crs("EPSG:32636").to_file(tmp_path / "my area.gpkg")
    overlay = {"source": {"kind": "simulated", "area": {"file": "my area.gpkg"}}}
    (tmp_path / "overlay.json").write_text(json.dumps(overlay), "utf-8")
    return tmp_path


def test_the_plan_has_the_tiles_under_the_polygons(snakemake: Snakemake, run: Path) -> None:
    words = ("-n", "--directory", run, "--configfile", run / "overlay.json", "--", "patches")
    first = snakemake(*words)
    assert first.code == 0, first.text
    assert first.jobs == {
        **{"simulate_imagery": 3, "simulate_labels": 3, "cut_patches": 3},
        **{"summarise_patches": 1, "patches": 1},
    }
    listed = run / "resources" / "area.json"
    assert json.loads(listed.read_text("utf-8"))["tiles"] == ["N36E026", "N38E029", "N38E030"]
    written = listed.stat().st_mtime_ns
    assert snakemake(*words).jobs == first.jobs
    assert listed.stat().st_mtime_ns == written, "read, not made again"


def test_the_estimate_counts_the_same_tiles(run: Path) -> None:
    merged = merged_configuration([run / "overlay.json"])
    assert merged["source"]["area"]["file"] == str(run / "my area.gpkg")
    assert candidates(merged) == 3 * (12_000 // 256) ** 2


def test_the_snakefile_itself_imports_nothing_heavy_for_it(run: Path) -> None:
    command = ["-m", "snakemake", "-n", "--snakefile", str(ROOT / "Snakefile"), "--quiet", "reason"]
    command += ["--directory", str(run), "--configfile", str(run / "overlay.json"), "--", "patches"]
    answer = subprocess.run(
        [sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=True
    )
    imported = set(re.findall(r"(?m)^import time:.*\| +(\w+)$", answer.stderr))
    assert "jsonschema" in imported
    assert not imported & HEAVY


def test_an_area_that_cannot_work_gives_one_sentence(snakemake: Snakemake, run: Path) -> None:
    (run / "my area.gpkg").write_text("no vector file", "utf-8")
    answer = snakemake("-n", "--directory", run, "--configfile", run / "overlay.json")
    assert answer.code != 0
    assert "Traceback" not in answer.text
    assert len(re.findall(r"(?m)^my area.gpkg is no vector file .*; save it as", answer.text)) == 1
