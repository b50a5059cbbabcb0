"""The grammar's verb: a table in index order, the same after any number of kills."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groundsynth.captioning.caption import caption_grammar
from groundsynth.captioning.jobs import image_seed
from groundsynth.errors import InputError
from groundsynth.tables import read_table

COUNT = 300


def options(shard: Any, folder: Path, **changed: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "masks": shard.masks,
        "index": shard.index,
        "composition": shard.composition,
        "population": "unconditional",
        "captioner": "grammar-hybrid",
        "method": "hybrid",
        "legend": shard.legend,
        "percent_decimals": 0,
        "seed": 1,
        "part_size": 5,
        "state": folder / "state",
        "keep_state": False,
        "output": folder / "captions.parquet",
    }
    return {**given, **changed}


def command(settings: dict[str, Any]) -> list[str]:
    words = [sys.executable, "-m", "groundsynth", "caption-grammar"]
    for name, value in settings.items():
        text = json.dumps(value) if isinstance(value, dict | bool) else str(value)
        words += ["--" + name.replace("_", "-"), text]
    return words


def table_of(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_table(path, "captions").to_pylist()
    return rows


def test_the_table_is_complete_and_in_order(
    tmp_path: Path, make_shard: Callable[..., Any], noise_maps: Callable[..., np.ndarray]
) -> None:
    shard = make_shard(noise_maps(23))
    settings = options(shard, tmp_path)
    caption_grammar(**settings)
    rows = table_of(settings["output"])
    assert [row["id"] for row in rows] == shard.ids
    assert [row["seed"] for row in rows] == [image_seed(1, name) for name in shard.ids]
    assert {row["status"] for row in rows} == {"ok"}
    assert all(row["raw"] == row["caption"] for row in rows)
    assert not settings["state"].exists()


def test_part_size_changes_nothing_and_the_method_does(
    tmp_path: Path, make_shard: Callable[..., Any], noise_maps: Callable[..., np.ndarray]
) -> None:
    shard = make_shard(noise_maps(12))
    found = []
    changes: list[dict[str, Any]] = [{}, {"part_size": 500}, {"method": "text"}, {"seed": 2}]
    for number, change in enumerate(changes):
        settings = options(shard, tmp_path / str(number), **change)
        caption_grammar(**settings)
        found.append(table_of(settings["output"]))
    assert found[0] == found[1]
    assert all(a["caption"] != b["caption"] for a, b in zip(found[0], found[2], strict=True))
    assert found[0] != found[3]


def test_a_missing_composition_is_named(
    tmp_path: Path, make_shard: Callable[..., Any], noise_maps: Callable[..., np.ndarray]
) -> None:
    long = make_shard(noise_maps(4))
    kept = long.composition.read_bytes()
    shard = make_shard(noise_maps(6))
    shard.composition.write_bytes(kept)
    with pytest.raises(InputError, match=r"composition of 'unconditional-00000004' \(2 missing\)"):
        caption_grammar(**options(shard, tmp_path))


def test_image_seeds_are_far_apart() -> None:
    seeds = sorted(image_seed(0, f"unconditional-{n:08d}") for n in range(2000))
    assert len(set(seeds)) == 2000
    assert 0 <= seeds[0] < 2**27
    assert 2**31 - 2**27 < seeds[-1] < 2**31
    assert image_seed(0, "a") != image_seed(1, "a")


def test_killed_jobs_lose_and_repeat_nothing(
    tmp_path: Path, make_shard: Callable[..., Any], noise_maps: Callable[..., np.ndarray]
) -> None:
    maps = noise_maps(60)
    shard = make_shard(np.concatenate([maps] * (COUNT // 60)))
    calm = options(shard, tmp_path / "calm", part_size=200)
    caption_grammar(**calm)
    rough = options(shard, tmp_path / "rough")
    parts = rough["state"] / "parts"
    chance = random.Random(4)
    done = 0
    for _ in range(2):
        job = subprocess.Popen(command(rough), stderr=subprocess.DEVNULL)
        wanted = done + chance.randrange(1, 12)
        while job.poll() is None and len(list(parts.glob("[0-9]*.parquet"))) < wanted:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.02)
        job.kill()
        job.wait()
        found = len(list(parts.glob("[0-9]*.parquet")))
        assert found > done
        done = found
        assert not rough["output"].exists()
    end = subprocess.run(command(rough), capture_output=True, text=True, check=True)
    written = int(end.stderr.split("captions: ")[-1].split(" ok")[0])
    assert written == COUNT - 5 * done
    assert table_of(rough["output"]) == table_of(calm["output"])
    assert not rough["state"].exists()
