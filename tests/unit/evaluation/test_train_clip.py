"""The small CLIP model: it learns pairs, resumes to the same weights, and loads for scoring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from groundsynth import device as precisions
from groundsynth.errors import ConfigurationError, InputError
from groundsynth.evaluation.clip_data import read_pairs
from groundsynth.evaluation.clip_model import load_clip
from groundsynth.evaluation.clip_training import ClipTraining, schedule
from groundsynth.evaluation.pair_alignment import measure_alignment
from groundsynth.evaluation.train_clip import train_clip
from groundsynth.run_state import RunState, Stopped
from groundsynth.shards import write_array
from groundsynth.tables import read_table, write_table

COLORS = {"forest": (20, 90, 30), "crops": (210, 190, 60), "water": (20, 40, 160)}
SPLITS = ["train"] * 8 + ["validation", "test"]
COUNT, SIZE = 60, 16


def color_of(number: int) -> str:
    return list(COLORS)[(number // 10 + number) % 3]


def write_index(path: Path, ids: list[str]) -> Path:
    n = len(ids)
    columns: dict[str, Any] = {
        "patch_id": ids,
        "tile": ["N00E000"] * n,
        "row": list(range(n)),
        "column": [0] * n,
        "split": [SPLITS[i % 10] for i in range(n)],
        "crs": ["EPSG:4326"] * n,
        "transform": [[1.0, 0.0, 0.0, 0.0, -1.0, 0.0]] * n,
        "geometry": [b""] * n,
        "year": [2021] * n,
        "scaling": ["none"] * n,
    }
    write_table(path, columns, "real_index", {})
    return path


def write_captions(path: Path, ids: list[str], text: Callable[[int], str], status: str) -> Path:
    n = len(ids)
    columns: dict[str, Any] = {
        "population": ["real"] * n,
        "id": ids,
        "captioner": [path.stem] * n,
        "caption": [text(i) for i in range(n)],
        "raw": [""] * n,
        "status": [status] * n,
        "tokens": [1] * n,
        "seed": [0] * n,
    }
    for column in ("prompt_version", "model", "revision", "engine", "engine_version"):
        columns[column] = ["x"] * n
    write_table(path, columns, "captions", {})
    return path


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Images of one colour each, three captioners of which one only made errors."""
    generator = np.random.default_rng(0)
    ids = [f"N00E000_{i:03d}_000" for i in range(COUNT)]
    images = np.stack(
        [np.broadcast_to(COLORS[color_of(i)], (SIZE, SIZE, 3)) for i in range(COUNT)]
    ) + generator.integers(-15, 16, (COUNT, SIZE, SIZE, 3))
    write_array(tmp_path / "images.npy", np.clip(images, 0, 255).astype(np.uint8))
    good = [
        write_captions(
            tmp_path / "a.parquet", ids, lambda i: f"{color_of(i)} covers the scene.", "ok"
        ),
        write_captions(
            tmp_path / "b.parquet", ids[::-1], lambda i: f"Only {color_of(COUNT - 1 - i)}.", "ok"
        ),
        write_captions(tmp_path / "c.parquet", ids, lambda _: "wrong", "error"),
    ]
    return {
        "images": [tmp_path / "images.npy"],
        "indices": [write_index(tmp_path / "index.parquet", ids)],
        "captions": good,
        "name": "groundsynth-tiny",
        "image_size": 16,
        "steps": 30,
        "batch": 12,
        "learning_rate": 2e-3,
        "seed": 5,
        "device": "cpu",
        "precision": "float32",
        "state": tmp_path / "state",
        "keep_state": False,
        "model": tmp_path / "clip" / "model.safetensors",
        "history": tmp_path / "clip" / "history.parquet",
    }


def test_pairs_are_joined_by_id(settings: dict[str, Any]) -> None:
    sources = settings["images"], settings["indices"], settings["captions"]
    pairs = read_pairs(*sources, "train")
    assert len(pairs) == 48
    for place in (0, 13, 47):
        name = color_of(int(pairs.rows[place]))
        assert pairs.captions[place] == [f"{name} covers the scene.", f"Only {name}."]
        mean = pairs.pixels([place]).mean(axis=(0, 1, 2))
        assert np.abs(mean - COLORS[name]).max() < 8
    assert len(read_pairs(*sources, "test")) == 6
    assert len(read_pairs(*sources, "elsewhere")) == 0


def test_matched_pairs_score_above_shuffled_ones(settings: dict[str, Any]) -> None:
    train_clip(**settings)
    rows = read_table(settings["history"], "history").to_pylist()
    figures = {row["name"]: row["value"] for row in rows}
    assert figures["test_matched_cosine"] > figures["test_shuffled_cosine"] + 0.2
    assert figures["test_pairs"] == 6
    assert figures["train_truncated"] == 0
    losses = [row["value"] for row in rows if row["name"] == "loss"]
    assert losses[-1] < np.log(12) - 0.3  # log of the batch is chance
    assert [row["step"] for row in rows if row["name"] == "loss"] == [10, 20, 30]
    assert not settings["state"].exists()
    model = load_clip(
        "groundsynth-tiny",
        settings["model"],
        torch.device("cpu"),
        settings["model"].with_suffix(".json"),
    )
    assert model.preparation.mean == (0.5, 0.5, 0.5)
    pairs = read_pairs(settings["images"], settings["indices"], settings["captions"], "test")
    again = measure_alignment(model, pairs)
    assert again["matched_cosine"] == pytest.approx(figures["test_matched_cosine"], abs=1e-5)
    texts = [captions[0] for captions in pairs.captions]
    cosines = (model.embed_texts(texts) @ model.embed_images(pairs.pixels(range(6))).T).numpy()
    others = [cosines[i, j] for i in range(6) for j in range(6) if i != j]
    assert again["shuffled_cosine"] == pytest.approx(float(np.mean(others)), abs=1e-5)
    ranks = [1 + sum(cosines[i] > cosines[i, i]) for i in range(6)]
    assert again["median_rank"] == np.median(ranks)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_stopped_training_ends_in_the_same_weights(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    """float16 is refused on CPUs in earnest; here its losses are scaled as on a GPU."""
    monkeypatch.setattr(precisions, "CPU_PRECISIONS", ("float32", "bfloat16", "float16"))
    settings |= {"steps": 12, "precision": precision}
    train_clip(**settings)
    rough = {
        **settings,
        "state": tmp_path / "rough-state",
        "model": tmp_path / "rough" / "model.safetensors",
        "history": tmp_path / "rough" / "history.parquet",
    }
    asked = iter([False] * 6 + [True])
    with monkeypatch.context() as patch:
        patch.setattr(RunState, "should_stop", lambda self: next(asked))
        with pytest.raises(Stopped, match="step 7 of 12"):
            train_clip(**rough)
    assert not rough["model"].exists()
    train_clip(**rough)
    calm, found = load_file(settings["model"]), load_file(rough["model"])
    assert all(torch.isfinite(value).all() for value in calm.values())
    assert calm.keys() == found.keys()
    for name, tensor in calm.items():
        assert torch.allclose(tensor, found[name], atol=1e-6), name
    tables = [
        [(r["step"], r["name"], round(r["value"], 5)) for r in read_table(p, "history").to_pylist()]
        for p in (settings["history"], rough["history"])
    ]
    assert tables[0] == tables[1]


def test_steps_that_overflow_in_float16_are_left_out(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precisions, "CPU_PRECISIONS", ("float16",))
    pairs = read_pairs(settings["images"], settings["indices"], settings["captions"], "train")
    training = ClipTraining(pairs, 16, 12, 2e-3, 5, "cpu", "float16")
    training.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24)
    before = [value.detach().clone() for value in training.network.parameters()]
    training.advance(12)
    pairs_of_values = zip(before, training.network.parameters(), strict=True)
    assert all(torch.equal(old, new) for old, new in pairs_of_values)
    assert training.scaler.get_scale() == 2.0**23
    for _ in range(11):
        training.advance(12)
    pairs_of_values = zip(before, training.network.parameters(), strict=True)
    assert not any(torch.equal(old, new) for old, new in pairs_of_values)
    assert all(torch.isfinite(new).all() for new in training.network.parameters())


def test_float16_on_a_cpu_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="float16 needs a GPU"):
        train_clip(**settings | {"precision": "float16"})
    assert not settings["model"].exists()


def test_without_captions_there_is_nothing_to_train(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="No image of the train split has a caption"):
        train_clip(**{**settings, "captions": settings["captions"][2:]})
    with pytest.raises(InputError, match="60 rows"):
        train_clip(**{**settings, "indices": settings["indices"] * 2})


def test_schedule_rises_then_falls() -> None:
    factors = [schedule(step, 100) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == factors[10] == 1.0
    assert factors[-1] < 0.001
    assert schedule(0, 1) == 1.0
