"""What a configuration will cost, before anything runs."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from groundsynth.errors import ConfigurationError
from groundsynth.estimate import estimate, estimated, jobs_of, merged_configuration

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
    assert sum(total.files.values()) < 5000


def test_the_verb_prints_jobs_files_and_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(__file__).resolve().parents[2]
    estimate(configuration=[root / "config" / "micro.yaml"])
    said = capsys.readouterr().out
    assert "11 jobs (" in said
    assert "train_segmentation 1" in said
    assert "every candidate is counted" in said


def test_what_is_wrong_with_a_configuration_is_said(tmp_path: Path) -> None:
    overlay = tmp_path / "my.yaml"
    overlay.write_text("patches: {size: 64}\n", "utf-8")
    with pytest.raises(ConfigurationError, match=r"^The architecture pan needs patches"):
        estimate(configuration=[overlay])
