"""``make run``'s launcher: again, twice at once, beside a Snakemake started by hand."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

from groundsynth.launch import main, only_launch

ROOT = Path(__file__).resolve().parents[2]


def words_for(configuration: Path, folder: Path) -> Sequence[str]:
    """Arguments of the launcher."""
    options = {"--profile": "test", "--configuration": configuration, "--directory": folder}
    return [str(word) for pair in options.items() for word in pair]


def test_a_second_launch_finds_nothing_to_do(
    run_workflow: Callable[..., str], micro: Path, micro_run: Path
) -> None:
    page = micro_run / "results" / "report" / "index.html"
    written = page.stat().st_mtime_ns
    said = run_workflow(micro, micro_run)
    assert "Nothing was left to do." in said
    assert str(page) in said
    assert page.stat().st_mtime_ns == written


def test_a_missing_configuration_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "my.yaml"
    assert main(words_for(missing, tmp_path)) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert str(missing) in said


def test_a_run_with_failed_jobs_ends_with_their_sentences(
    launcher: Callable[..., "subprocess.Popen[str]"], micro: Path, tmp_path: Path
) -> None:
    """Two files that are no rasters, and a rule whose words stand after a page of Snakemake's."""
    config = yaml.safe_load(micro.read_text("utf-8"))
    pairs = {name: tmp_path / f"{name}.tif" for name in ("a", "b")}
    for path in pairs.values():
        path.write_text("no raster")
    rasters = {name: {"imagery": str(p), "labels": str(p)} for name, p in pairs.items()}
    config["source"] = {"kind": "rasters", "bands": [1, 2, 3], "rasters": rasters}
    config["patches"]["scaling"] = "none"
    mine, run = tmp_path / "my.yaml", tmp_path / "run"
    mine.write_text(yaml.safe_dump(config), "utf-8")
    assert launcher(mine, run, "patches").wait() != 0
    end = (tmp_path / "run.log").read_text("utf-8").partition("2 jobs failed:\n")[2].splitlines()
    assert sorted(end[::3]) == ["  cut_patches (shard=a)", "  cut_patches (shard=b)"]
    for name, sentence, log in zip(end[::3], end[1::3], end[2::3], strict=True):
        shard = name[-2]
        assert sentence.startswith(f"    {pairs[shard]} is truncated or no raster")
        assert log == f"    log: {run / 'logs/cut_patches' / shard}.log"


def test_of_two_launches_at_once_the_second_says_so(
    tmp_path: Path, micro: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with only_launch(tmp_path):
        assert main(words_for(micro, tmp_path)) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert f"process {os.getpid()}" in said


def test_the_lock_of_a_living_snakemake_is_respected(
    launcher: Callable[..., "subprocess.Popen[str]"], micro: Path, tmp_path: Path
) -> None:
    """One started by hand, held still in the middle, and let go on afterwards."""
    run = tmp_path / "run"
    by_hand = subprocess.Popen(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
            *("--profile", str(ROOT / "profiles" / "test"), "--directory", str(run)),
            *("--configfile", str(micro), "--quiet", "all", "--", "patches"),
        ]
    )
    locks = run / ".snakemake" / "locks"
    while not list(locks.glob("*.lock")):
        assert by_hand.poll() is None
        time.sleep(0.02)
    by_hand.send_signal(signal.SIGSTOP)
    try:
        assert launcher(micro, run).wait() != 0
    finally:
        by_hand.send_signal(signal.SIGCONT)
    assert "cannot be locked" in (tmp_path / "run.log").read_text("utf-8")
    assert by_hand.wait() == 0
    assert (run / "results" / "patches" / "funnel.csv").exists()
    assert not list(locks.glob("*.lock"))


def test_a_launcher_killed_alone_leaves_the_folder_taken(
    launcher: Callable[..., "subprocess.Popen[str]"],
    micro: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its Snakemake lives on and holds the lock: the next launch must not work beside it."""
    run = tmp_path / "run"
    launched = launcher(micro, run, "patches")
    while not list((run / ".snakemake" / "locks").glob("*.lock")):
        assert launched.poll() is None
        time.sleep(0.02)
    launched.kill()
    launched.wait()
    assert main(words_for(micro, run)) == 1
    said = re.search(r"already at work in .* \(process (\d+)\)", capsys.readouterr().err)
    assert said
    living = Path(f"/proc/{said[1]}/cmdline").read_bytes().split(b"\0")
    assert b"snakemake" in living
    deadline = time.monotonic() + 300
    while list((run / ".snakemake" / "locks").glob("*.lock")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (run / "results" / "patches" / "funnel.csv").exists()
