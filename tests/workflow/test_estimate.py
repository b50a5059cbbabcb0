"""What a configuration will cost, before anything runs."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from groundsynth.errors import ConfigurationError
from groundsynth.estimate import estimate, estimated, jobs_of, merged_configuration
from groundsynth.files import write_json
from groundsynth.pilot import CONFIGURATION
from groundsynth.tables import SCHEMAS, write_table

REAL_PATCHES = 100_240
"""The paper's (section 3)."""


def test_the_paper(
    snakemake: Callable[..., Any], plans: Callable[[str], Any], tmp_path: Path
) -> None:
    """480,422 images of 256 x 256 pixels with masks: 126 GB in a handful of files."""
    summary = snakemake("--summary", "--directory", tmp_path)
    names = [line.partition("\t")[0] for line in summary.text.splitlines()]
    files = [name for name in names if name.startswith(("results/", "resources/"))]
    jobs = jobs_of(plans("paper").text)
    total = estimated(files, jobs, merged_configuration([]), REAL_PATCHES)
    assert total.jobs == plans("paper").jobs - Counter(["all"])
    images = REAL_PATCHES + 300_000 + 80_182
    assert total.bytes["shards"] == pytest.approx(images * 256**2 * 4, rel=1e-6)
    assert total.bytes["imagery tiles"] == 160 * 12_000**2 * 8
    text = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
    files = round(sum(total.files.values()), -2)
    shards, tiles = (total.bytes[kind] / 1e9 for kind in ("shards", "imagery tiles"))
    rest = sum(total.bytes.values()) / 1e9 - shards - tiles
    said = f"{shards:.0f} GB of shards, {rest:.0f} GB of the rest, up to {tiles:.0f} GB of imagery"
    assert said in text
    assert f"and {files:,} files." in text


def test_the_verb_prints_jobs_files_and_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(__file__).resolve().parents[2]
    estimate(configuration=[root / "config" / "micro.yaml"])
    said = capsys.readouterr().out
    assert "11 jobs (" in said
    assert "train_segmentation 1" in said
    assert "every candidate is counted" in said


def test_a_finished_run_adds_the_running_time(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Patches cut at 16 a second in another run of the same size and stretch."""
    overlay = Path(__file__).resolve().parents[2] / "config" / "micro.yaml"
    write_json(tmp_path / CONFIGURATION, merged_configuration([overlay]))
    columns: dict[str, list[Any]] = {name: [None] * 32 for name in SCHEMAS["real_index"].names}
    columns |= {"patch_id": [str(n) for n in range(32)], "split": ["train"] * 32}
    shard = tmp_path / "results" / "patches" / "real" / "any"
    shard.parent.mkdir(parents=True)
    write_table(shard.with_suffix(".index.parquet"), columns, "real_index", {})
    shard.with_suffix(".images.npy").touch()
    log = tmp_path / "logs" / "cut_patches" / "any.log"
    log.parent.mkdir(parents=True)
    log.write_text('timing: {"verb": "cut-patches", "import_seconds": 1, "work_seconds": 2}\n')
    estimate(configuration=[overlay], patches=160, times=tmp_path)
    said = capsys.readouterr().out
    assert re.search(r"(?m)^cut_patches +1 +160 patches +16\.00 +11\.0 s$", said)
    assert "One job after the other: at least 11.0 s" in said
    assert "\n  train_stylegan: no such job in the pilot\n" in said


def test_what_is_wrong_with_a_configuration_is_said(tmp_path: Path) -> None:
    overlay = tmp_path / "my.yaml"
    overlay.write_text("patches: {size: 64}\n", "utf-8")
    with pytest.raises(ConfigurationError, match=r"^The architecture pan needs patches"):
        estimate(configuration=[overlay])
