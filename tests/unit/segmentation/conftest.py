"""A small run: one real shard and one shard of each synthetic population, in three classes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from groundsynth.segmentation.populations import Population, open_population
from groundsynth.shards import write_array
from groundsynth.tables import write_table

SIZE = 64
COLORS = np.array([[30, 90, 30], [200, 180, 120], [20, 40, 160], [120, 120, 120], [220, 220, 220]])
LEGEND = {
    "no_data": [0],
    "classes": [
        {"name": name, "codes": [10 * (i + 1)], "color": [i, i, i]}
        for i, name in enumerate(("tree", "crop", "water"))
    ],
}


@pytest.fixture(autouse=True)
def single_thread() -> None:
    torch.set_num_threads(1)


def scene(random: np.random.Generator, classes: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """One patch of up to four blocks of classes, with noise: uint8 [S, S, 3] and [S, S]."""
    blocks = random.integers(0, classes, (2, 2)).astype(np.uint8)
    mask = blocks.repeat(size // 2, 0).repeat(size // 2, 1)
    noise = random.normal(0, 8, (size, size, 3))
    image = np.clip(COLORS[mask] + noise, 0, 255).astype(np.uint8)
    mask[:3] = 255
    return image, mask


def write_population(
    folder: Path, population: str, count: int, classes: int = 3, size: int = SIZE
) -> dict[str, list[Path]]:
    """Write one shard; returns its images, masks and indices as lists of one path."""
    random = np.random.default_rng(len(population))
    scenes = [scene(random, classes, size) for _ in range(count)]
    paths = {
        "images": folder / f"{population}.images.npy",
        "masks": folder / f"{population}.masks.npy",
        "indices": folder / f"{population}.index.parquet",
    }
    write_array(paths["images"], np.stack([image for image, _ in scenes]))
    write_array(paths["masks"], np.stack([mask for _, mask in scenes]))
    if population == "real":
        write_table(paths["indices"], real_rows(count), "real_index", {})
    else:
        write_table(paths["indices"], synthetic_rows(population, count), "synthetic_index", {})
    return {name: [path] for name, path in paths.items()}


def real_rows(count: int) -> dict[str, list[Any]]:
    splits = ["train", "train", "train", "validation", "train", "test"]
    return {
        "patch_id": [f"N36E030_000_{n:03d}" for n in range(count)],
        "tile": ["N36E030"] * count,
        "row": [0] * count,
        "column": list(range(count)),
        "split": [splits[n % 6] for n in range(count)],
        "crs": ["EPSG:4326"] * count,
        "transform": [[1.0, 0.0, 0.0, 0.0, -1.0, 0.0]] * count,
        "geometry": [b""] * count,
        "year": [2021] * count,
        "scaling": ["patch_max"] * count,
    }


def synthetic_rows(population: str, count: int) -> dict[str, list[Any]]:
    seeds = list(reversed(range(count)))  # rows are not in the order of the ids
    return {
        "sample_id": [f"{population}-{seed:08d}" for seed in seeds],
        "population": [population] * count,
        "seed": seeds,
        "condition_patch_id": [None] * count,
        "model_digest": ["0"] * count,
    }


def populations_in(folder: Path) -> dict[str, list[Path]]:
    """Shards of 24 real patches, 10 unconditional and 6 conditional samples, by parameter name."""
    counts = {"real": 24, "unconditional": 10, "conditional": 6}
    return {
        f"{population}_{kind}": paths
        for population, count in counts.items()
        for kind, paths in write_population(folder, population, count).items()
    }


@pytest.fixture
def real_patches(tmp_path: Path) -> Callable[..., Population]:
    """Function that gives six real patches: four for training, one to validate, one to test."""

    def make(size: int, classes: int) -> Population:
        paths = write_population(tmp_path, "real", 6, classes, size)
        return open_population(paths["images"], paths["masks"], paths["indices"], real=True)

    return make


def arguments_in(base: Path, populations: dict[str, list[Path]]) -> Callable[..., dict[str, Any]]:
    """Function that gives the arguments of ``train_segmentation`` with some of them changed."""

    def make(**changes: Any) -> dict[str, Any]:
        folder = base / changes.pop("folder", "cell")
        given = {
            **populations,
            "mix": "real",
            "mix_parts": {"real": True, "unconditional": 0, "conditional": 0},
            "architecture": "fpn",
            "encoder": "tu-mobilenetv3_small_050",
            "encoder_weights": None,
            "legend": LEGEND,
            "budget": "steps",
            "epochs": 2,
            "steps": 4,
            "batch": 4,
            "learning_rate": 2e-3,
            "weight_decay": 0.01,
            "patience": 3,
            "stop_patience": 5,
            "clip_norm": 1.0,
            "loss": "dice",
            "seed": 1,
            "device": "cpu",
            "precision": "float32",
            "state": folder / "state",
            "keep_state": False,
            "runtime": None,
            "model": folder / "model.safetensors",
            "history": folder / "history.parquet",
            "confusion": folder / "confusion.parquet",
            "quality": folder / "quality.parquet",
        }
        return {**given, **changes}

    return make


@pytest.fixture
def populations(tmp_path: Path) -> dict[str, list[Path]]:
    """As ``populations_in`` the test's own folder."""
    return populations_in(tmp_path)


@pytest.fixture
def arguments(tmp_path: Path, populations: dict[str, list[Path]]) -> Callable[..., dict[str, Any]]:
    """As ``arguments_in`` the test's own folder."""
    return arguments_in(tmp_path, populations)
