"""What a run says of its failed jobs, by the end of their logs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from groundsynth.failed_jobs import FailedJob, last_words, read_failed, summary, write_failed

ROOT = Path(__file__).parents[2]
SILENT = "It ended without a word: a signal or too little memory may have ended it"
LOGS = {
    "working\ncut-patches: No tile; name one.\nexit code 1\n": "No tile; name one.",
    "python -m groundsynth cut-patches: --size is missing; --help\n": "--size is missing; --help",
    "cut N36E030: 20 of 400 patch\n\n": f"{SILENT}, after 'cut N36E030: 20 of 400 patch'.",
    "": f"{SILENT}.",
    "Traceback (most recent call last):\n  File\nKeyError: 'x'\n": "A defect of the program: "
    "KeyError: 'x'",
    'timing: {"verb": "cut-patches"}\n': "It did its work, but then a file that it should leave "
    "was not there.",
    "cut-patches: Old.\n== attempt 2, y ==\n": f"{SILENT}.",
    "== attempt 1, x ==\ncut-patches: Old.\n== attempt 2, y ==\nnew\n": f"{SILENT}, after 'new'.",
}
"""Logs, and the words that they end with."""
WORKFLOW = """
rule all:
    input: "fine", "again", expand("{who}.done", who=["quiet", "loud"])

rule speak:
    output: "{who}.done"
    log: "logs/speak/{who}.log"
    shell: "if [ {wildcards.who} = quiet ]; then kill -9 $$; fi; echo speak: No. > {log}; exit 1"

rule second:
    output: "again"
    retries: 1
    shell: "if [ -e tried ]; then touch again; else touch tried; exit 1; fi"

rule fine:
    output: "fine"
    shell: "touch fine"
"""


@pytest.mark.parametrize("text", LOGS)
def test_the_words_at_the_end_of_a_log(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.log").write_text(text, "utf-8")
    assert last_words([tmp_path / "a.log"], "cut-patches") == LOGS[text]


def test_a_job_without_a_log_ended_without_a_word(tmp_path: Path) -> None:
    assert last_words([], "cut-patches") == f"{SILENT}."
    assert last_words([tmp_path / "none.log"], "cut-patches") == f"{SILENT}."


def test_a_sentence_is_found_in_a_long_log(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("a line\n" * 100_000 + "cut-patches: No.\n" + "more\n" * 1000, "utf-8")
    assert last_words([log], "cut-patches") == "No."


def test_the_list_ends_after_five_jobs(tmp_path: Path) -> None:
    jobs = [FailedJob("cut_patches", {"shard": str(n)}, [f"logs/{n}.log"], n) for n in range(7)]
    lines = summary(jobs, tmp_path).splitlines()
    assert lines[0] == "7 jobs failed:"
    assert lines[1:4] == [
        "  cut_patches (shard=0)",
        f"    {SILENT}.",
        f"    log: {tmp_path}/logs/0.log",
    ]
    assert lines[-1] == f"  and 2 more, whose logs are in {tmp_path}/logs"
    assert len(lines) == 1 + 5 * 3 + 1
    assert summary(jobs[:1], tmp_path).startswith("1 job failed:\n")


def test_what_fails_after_an_interrupt_is_not_listed(tmp_path: Path) -> None:
    path = tmp_path / "failed.json"
    assert read_failed(path) == []
    jobs = [FailedJob("make_tables", {}, [], time) for time in (1.0, 3.0)]
    write_failed(path, jobs)
    assert read_failed(path) == jobs
    assert read_failed(path, before=2.0) == jobs[:1]
    assert jobs[0].name == "make_tables"


def test_snakemake_tells_which_jobs_failed_for_good(tmp_path: Path) -> None:
    """Killed or with a sentence, with wildcards, however quiet; not one whose retry succeeds."""
    (tmp_path / "Snakefile").write_text(WORKFLOW, "utf-8")
    listed = tmp_path / "failed.json"
    said = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--cores", "2", "--keep-going", "--quiet", "all"),
            *("--logger", "groundsynth", "--logger-groundsynth-failures", str(listed)),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 1, said.stderr
    assert (tmp_path / "again").exists()
    jobs = sorted(read_failed(listed), key=lambda job: job.name)
    assert [job.name for job in jobs] == ["speak (who=loud)", "speak (who=quiet)"]
    assert jobs[0].logs == ["logs/speak/loud.log"]
    words = [last_words([tmp_path / log for log in job.logs], "speak") for job in jobs]
    assert words == ["No.", f"{SILENT}."]
