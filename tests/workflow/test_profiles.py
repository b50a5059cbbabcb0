"""Profiles of clusters: what each rule is given, and what a site may change."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SITES = ("slurm", "truba-arf", "truba-acc")
SITE_KEYS = {"resources", "precommand", "default-resources", "set-resources"}
"""What stands in the block to edit for a site."""
GPU_RULES = {
    name
    for path in (ROOT / "rules").glob("*.smk")
    for name, text in re.findall(r"(?ms)^rule (\w+):\n(.*?)(?=^rule |\Z)", path.read_text("utf-8"))
    if "gpu=" in text
}


def profile(name: str) -> dict[str, Any]:
    """A profile as Snakemake reads it."""
    text = (ROOT / "profiles" / name / "config.yaml").read_text("utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


@pytest.mark.parametrize("site", SITES)
def test_every_gpu_rule_gets_what_the_site_calls_a_gpu(site: str) -> None:
    rules = profile(site)["set-resources"]
    assert len(GPU_RULES) >= 12
    assert set(rules) == GPU_RULES
    assert all(given == rules["train_stylegan"] for given in rules.values())


@pytest.mark.parametrize("site", SITES)
def test_gpus_and_cores_in_use_are_capped(site: str) -> None:
    content = profile(site)
    given = {**content["default-resources"], **content["set-resources"]["train_stylegan"]}
    assert set(content["resources"]) == {"gpu_jobs", "cpus_per_task"}
    assert given["gpu_jobs"] == 1
    assert "cpus_per_task" in content["default-resources"]


@pytest.mark.parametrize("site", SITES)
def test_the_block_of_the_site_is_marked_and_comes_first(site: str) -> None:
    text = (ROOT / "profiles" / site / "config.yaml").read_text("utf-8")
    block = re.search(r"(?ms)^# --- edit for your site -+\n(.*?)^  # -+\n", text)
    assert block is not None
    assert not re.search(r"(?m)^[^#\n]", text[: block.start()])
    keys = set(re.findall(r"(?m)^([a-z-]+):", block[1]))
    assert keys == SITE_KEYS & set(profile(site))
    assert "slurm_partition" not in text[block.end() :]


@pytest.mark.parametrize("site", SITES)
def test_everything_else_is_the_same_everywhere(site: str) -> None:
    general = {key: value for key, value in profile(site).items() if key not in SITE_KEYS}
    expected = {key: value for key, value in profile("slurm").items() if key not in SITE_KEYS}
    assert general == expected
    assert general["retries"] == 2
    assert general["slurm-status-command"] == "squeue"
    assert general["slurm-no-requeue"]
    assert "slurm-array-jobs" not in general
    assert "groups" not in general


def test_the_default_profile_is_neutral() -> None:
    neutral = {"rerun-triggers", "rerun-incomplete", "show-failed-logs", "printshellcmds"}
    assert set(profile("default")) <= neutral
