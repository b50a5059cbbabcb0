"""Ways to start the workflow, and what a mistake in the configuration says."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "geopandas", "rasterio", "scipy", "matplotlib"}
"""Libraries that cost every job of a cluster seconds if the Snakefile imported them."""
Snakemake = Callable[..., Any]


def test_lint(snakemake: Snakemake, tmp_path: Path) -> None:
    answer = snakemake("--lint", "--directory", tmp_path)
    assert answer.code == 0, answer.text


def test_the_slurm_profile_from_the_root_without_slurm(
    copy_workflow: Callable[[Path], Path], tmp_path: Path
) -> None:
    """The literal command; of the system's programs only those that Snakemake starts with."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "which"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    answer = subprocess.run(
        ["snakemake", "--profile", "slurm", "-n", "--quiet", "reason"],
        cwd=copy_workflow(tmp_path / "checkout"),
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{programs}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert re.search(r"(?m)^train_segmentation +36$", answer.stdout + answer.stderr)


def test_another_working_directory_and_no_heavy_import(tmp_path: Path) -> None:
    command = ["-m", "snakemake", "-n", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(tmp_path / "run"), "--quiet", "reason"]
    answer = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(re.findall(r"(?m)^import time:.*\| +(\w+)$", answer.stderr))
    assert "jsonschema" in imported
    assert not imported & HEAVY
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


# Each mistake (an overlay of the demonstration) and what its sentence has to name.
MISTAKES = {
    "gan: {unconditional: {kimgs: 3}}": ("gan.unconditional.kimgs", "did you mean kimg?"),
    "segmentation: {steps: many}": ("segmentation.steps", "many"),
    "captions: {captioners: [grammar_txt]}": ("grammar_txt", "not defined"),
    "captions: {captioners: ['it''s; touch pwned']}": ("captions.captioners", "it's; touch pwned"),
    "segmentation: {mix_definitions: {'a b': {real: true, unconditional: 0, conditional: 0}}}": (
        "segmentation.mix_definitions",
        "a b",
    ),
    "source: {kind: rasters, rasters: {'../b': {imagery: i.tif, labels: l.tif}}}": (
        "source.rasters",
        "../b",
    ),
    "source: {kind: rasters, rasters: {mine: {imagery: i.tif, labels: l.tif}}}": (
        "source.rasters.mine.imagery",
        "i.tif",
    ),
    "source: {kind: rasters, rasters: {mine: {imagery: '{i}.tif', labels: l.tif}}}": (
        "source.rasters.mine.imagery",
        "braces",
    ),
    "splits: {method: file}": ("splits.file", "names none"),
    "splits: {method: file, file: none.csv}": ("splits.file", "none.csv"),
    "splits: {method: file, file: '{a}.csv'}": ("splits.file", "braces"),
    "source: {area: {file: none.gpkg}}": ("source.area.file", "none.gpkg"),
    "patches: {size: 48}": ("patches.size", "48"),
    "splits: {fractions: {train: 0.5, validation: 0.1, test: 0.1}}": ("splits.fractions", "0.7"),
    "source: {area: {west: 31}}": ("source.area", "west", "east"),
    "legend: {classes: [{name: a, codes: [1], color: [0, 0, 0]}]}": ("legend.classes",),
    "run: {seed: 1}\nrun: {name: a}\n": ("mistake.yaml", "run twice", "lines 1 and 2"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gives_one_sentence(snakemake: Snakemake, tmp_path: Path, mistake: str) -> None:
    overlay = tmp_path / "mistake.yaml"
    overlay.write_text(mistake, "utf-8")
    answer = snakemake("-n", "--directory", tmp_path, "--configfile", "config/demo.yaml", overlay)
    assert answer.code != 0
    assert "Traceback" not in answer.text
    error = answer.text.partition("WorkflowError in file")[2].splitlines()
    assert len(error) == 3, "two places of Snakemake's and a sentence between them"
    assert all(name in error[1] for name in MISTAKES[mistake])
    assert len(re.findall(r"[.?](?: [A-Z]|$)", error[1])) == 1


MANY = """
rule all:
    input: "count.txt"
rule count:
    output: "count.txt"
    params: words=[f"results/patches/it's {n:0100d}" for n in range(4000)]
    shell: "python -c 'import sys; print(len(sys.argv))' {params.words:q} > {output:q}"
"""
"""Far more than the 128 KiB that Linux gives one word, such as the command of ``bash -c``."""


def test_commands_may_be_longer_than_a_shell_takes(snakemake: Snakemake, tmp_path: Path) -> None:
    """Runs of hundreds of shards rest on it: Snakemake puts such a command into a script."""
    (tmp_path / "Snakefile").write_text(MANY, "utf-8")
    words = ("--cores", "1", "--snakefile", tmp_path / "Snakefile", "--directory", tmp_path)
    answer = snakemake(*words, folder=tmp_path)
    assert answer.code == 0, answer.text
    assert (tmp_path / "count.txt").read_text() == "4001\n"
