"""What a launch says at its start and at its end, and how long it waits for another."""

import fcntl
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from groundsynth import launch
from groundsynth.errors import StateError
from groundsynth.files import write_json
from groundsynth.launch import _ended, _say_result, main, only_launch
from groundsynth.system_processes import has_signal, stop_command

from .conftest import set_interrupts, until

ROOT = Path(__file__).parents[2]
MISTAKES = {
    "gan: {unconditional: {kimgs: 3}}": "did you mean kimg?",
    "segmentation: {steps: many}": "a whole number",
    "splits: {method: file, file: mine.csv}": "mine.csv, which is no file",
    "source: {area: {file: mine.gpkg}}": "mine.gpkg, which is no file",
    "run: {name: a\n": "(line 2, column 1)",
    "run: {seed: 1}\nrun: {seed: 2}\n": "gives run twice, in the lines 1 and 2",
    "segmentation: {architectures: [pan]}\npatches: {size: 64}": "at least 128 pixels",
    "segmentation: {encoder: resnet19}": "did you mean resnet1",
    "segmentation: {mixes: [other]}": "The mix 'other' is used but not defined",
    "segmentation: {labeller: {architecture: fpnn}}": "segmentation.labeller.architecture",
    "segmentation: {labeller: {mix: synthetic300k}}": "real patches only",
}
"""Overlays, and what the sentence about them says."""


@pytest.fixture
def no_snakemake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test where Snakemake would be started."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("Snakemake is started")

    monkeypatch.setattr(launch, "_supervise", refuse)


def test_a_killed_snakemake_leaves_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / ".snakemake/locks/0.output.lock"

    def killed(*_: object) -> tuple[int, float]:
        lock.parent.mkdir(parents=True)
        lock.touch()
        return -signal.SIGKILL, math.inf

    monkeypatch.setattr(launch, "_supervise", killed)
    micro = ROOT / "config/micro.yaml"
    code = main(["--configuration", str(micro), "--directory", str(tmp_path)])
    assert code == 128 + signal.SIGKILL
    assert not lock.exists()
    assert "killed (signal 9): start again to go on" in capsys.readouterr().err


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.usefixtures("no_snakemake")
def test_a_mistake_is_one_sentence_before_snakemake_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mistake: str
) -> None:
    overlay = tmp_path / "my.yaml"
    overlay.write_text(mistake, "utf-8")
    assert main(["--configuration", str(overlay), "--directory", str(tmp_path / "run")]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("groundsynth: ")
    assert MISTAKES[mistake] in said
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.usefixtures("no_snakemake")
def test_paths_are_checked_from_the_folder_of_the_run(tmp_path: Path) -> None:
    overlay, run = tmp_path / "my.yaml", tmp_path / "run"
    overlay.write_text("splits: {method: file, file: mine.csv}\n", "utf-8")
    words = ["--configuration", str(overlay), "--directory", str(run)]
    before = Path.cwd()
    assert main(words) == 1
    (run / "mine.csv").touch()
    with pytest.raises(AssertionError, match="Snakemake is started"):
        main(words)
    assert Path.cwd() == before


@pytest.mark.usefixtures("no_snakemake")
def test_words_that_change_the_configuration_leave_the_check_to_snakemake(tmp_path: Path) -> None:
    overlay = tmp_path / "my.yaml"
    overlay.write_text("splits: {method: file}\n", "utf-8")
    words = ["--configuration", str(overlay), "--"]
    with pytest.raises(AssertionError, match="Snakemake is started"):
        main([*words, "--config", "splits={method: random}"])
    assert main([*words, "patches"]) == 1


def test_a_mistake_costs_no_heavy_import(tmp_path: Path) -> None:
    overlay = tmp_path / "my.yaml"
    overlay.write_text("run: {named: a}\n", "utf-8")
    answer = subprocess.run(
        [
            *(sys.executable, "-X", "importtime", "-m", "groundsynth.launch"),
            *("--configuration", str(overlay)),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].endswith("run.named is unknown; did you mean name?")
    imported = set(re.findall(r"(?m)^import time:.*\| +(\w+)$", answer.stderr))
    assert "jsonschema" in imported
    assert not imported & {"snakemake", "torch", "geopandas", "rasterio", "scipy", "pandas"}


def test_a_launch_waits_for_one_that_is_leaving(tmp_path: Path) -> None:
    with (tmp_path / ".groundsynth.lock").open("a+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        leaving = threading.Timer(0.4, fcntl.flock, [stream, fcntl.LOCK_UN])
        leaving.start()
        started = time.monotonic()
        with only_launch(tmp_path):
            assert time.monotonic() - started >= 0.3
        leaving.join()


def test_a_lock_that_is_not_let_go_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "LEAVING_SECONDS", 0.3)
    with (tmp_path / ".groundsynth.lock").open("a+") as stream:
        stream.write("4711 elsewhere\n")
        stream.flush()
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(StateError, match=r"already at work .* \(process 4711\)"):
            only_launch(tmp_path).__enter__()


def test_a_run_ends_with_its_figures_and_table_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _say_result(tmp_path, time.time())
    assert capsys.readouterr().out == ""
    figure = {"name": "Macro F1", "value": 61.2345, "unit": "%"}
    distance = {"name": "Distance", "value": 16.3, "unit": "", "images": 400}
    distance["floor"] = {"value": 11.0, "images": 60}
    record = {"report": "r", "figures": [figure, distance]}
    write_json(tmp_path / "results/report/headline.json", record)
    _say_result(tmp_path, time.time() - 60)
    assert "Table 3" not in capsys.readouterr().out
    table = tmp_path / "results/tables/table3.md"
    table.parent.mkdir()
    table.write_text("| Mix | F1 |\n| :--- | :--- |\n| real | 61.23 [60.00, 62.00] ↑ |\n", "utf-8")
    _say_result(tmp_path, time.time() - 60)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["Done in 1.0 minutes.", "  Macro F1: 61.23%"]
    assert lines[3] == "  Distance: 16.3 (400 samples; 60 real test images: 11)"
    assert lines[5] == "Table 3: segmentation scores"
    assert lines[-3].split() == ["real", "61.23", "[60.00,", "62.00]", "↑"]
    assert lines[-1].startswith("Report: ")


WAITER = "import signal, sys; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN, flush=True)"
WAITER += "; sys.stdin.read(); sys.exit(3)"
"""A Snakemake's stand-in: says whether it ignores interrupts, ends with its input, code 3."""


@pytest.mark.parametrize("ignored", [True, False])
def test_an_interrupt_stops_a_launch_unless_it_is_ignored(tmp_path: Path, ignored: bool) -> None:
    """With ``make run &`` in a script SIGINT is ignored, by the launcher and by its child."""
    command = [sys.executable, "-c", WAITER]
    code = (
        f"from groundsynth.launch import _supervise as s; exit(s({command!r}, {tmp_path!r}, 0)[0])"
    )
    launched = subprocess.Popen(
        [sys.executable, "-c", f"from pathlib import PosixPath; {code}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(set_interrupts, signal.SIG_IGN if ignored else signal.SIG_DFL),
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert launched.stdout is not None
    assert launched.stdout.readline() == f"{ignored}\n"
    waiting = Path(f"/proc/{launched.pid}/status")
    if not ignored:
        until(lambda: has_signal(waiting.parent, "SigCgt", signal.SIGINT), "the handler")
    launched.send_signal(signal.SIGINT)
    _, said = launched.communicate("")
    assert launched.returncode == 3
    assert ("Stopped. Start again to go on" in said) is not ignored


STUBBORN = """
import signal, subprocess, sys, time
for number in (signal.SIGTERM, *{ignored}):
    signal.signal(number, signal.SIG_IGN)
job = subprocess.Popen(["sleep", "0.5"])
job.wait()
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("ignored", "code"), [("()", -signal.SIGINT), ("[signal.SIGINT]", -signal.SIGKILL)]
)
def test_a_snakemake_that_stays_without_jobs_is_ended(
    monkeypatch: pytest.MonkeyPatch, ignored: str, code: int
) -> None:
    monkeypatch.setattr(launch, "IDLE_SECONDS", 0.2)
    words = [sys.executable, "-c", STUBBORN.format(ignored=ignored)]
    process = subprocess.Popen(words, preexec_fn=partial(set_interrupts, signal.SIG_DFL))
    began = time.monotonic()
    assert _ended(process, [began]) == code
    assert time.monotonic() - began < 30


def test_a_snakemake_with_jobs_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "IDLE_SECONDS", 0.2)
    process = subprocess.Popen(["sh", "-c", "sleep 3; exit 5"])
    assert _ended(process, [time.monotonic()]) == 5


def test_a_run_is_stopped_with_its_jobs() -> None:
    """Snakemake alone, interrupted, would wait for them."""
    words = ["sh", "-c", "sleep 60 & sleep 60; wait"]
    job = subprocess.Popen(words, preexec_fn=partial(set_interrupts, signal.SIG_DFL))
    expected = [str(job.pid)]
    try:
        children = Path(f"/proc/{job.pid}/task/{job.pid}/children")
        until(lambda: len(children.read_text("utf-8").split()) == 2, "both children")
        expected = [str(job.pid), *children.read_text("utf-8").split()]
        said = stop_command([str(job.pid)])
        assert said.startswith("with 'kill -INT ")
        assert sorted(said.split("'")[1].split()[2:]) == sorted(expected)
    finally:
        for process in expected:
            os.kill(int(process), signal.SIGKILL)
        job.wait()


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    configuration = str(ROOT / "config" / "micro.yaml")
    assert main(["--configuration", configuration, "--directory", str(taken)]) == 1
    said = capsys.readouterr().err
    assert f"The run's folder {taken} cannot be made (File exists); name another" in said
    assert said.count("\n") == 1


def test_how_a_run_is_stopped_depends_on_what_it_ignores() -> None:
    jobs = [
        subprocess.Popen(["sleep", "60"], preexec_fn=partial(set_interrupts, handler))
        for handler in (signal.SIG_DFL, signal.SIG_IGN)
    ]
    heeding, ignoring = (str(job.pid) for job in jobs)
    try:
        assert stop_command([heeding]) == f"with 'kill -INT {heeding}'"
        assert stop_command([ignoring]).endswith(f"with 'kill -TERM {ignoring}'")
    finally:
        for job in jobs:
            job.kill()
            job.wait()
    assert stop_command(["unknown"]) == "with 'kill -INT unknown'"
