"""Two tiny shards of real patches, and the options of micro trainings on them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from groundsynth.gan.train_spade import train_spade
from groundsynth.gan.train_stylegan import train_stylegan
from groundsynth.provenance import provenance
from groundsynth.shards import write_array
from groundsynth.tables import write_table

SIZE, CLASSES = 16, 3
LEGEND: dict[str, Any] = {
    "no_data": [0],
    "classes": [
        {"name": name, "codes": [code], "color": [code, 0, 0]}
        for code, name in enumerate(("tree", "crop", "water"), start=1)
    ],
}


@dataclass(frozen=True)
class RealShards:
    """Paths of two shards, six patches each; every third patch is not in the train split."""

    images: list[Path]
    masks: list[Path]
    indices: list[Path]

    @property
    def train_ids(self) -> list[str]:
        return [f"{shard}_000_{n:03d}" for shard in "AB" for n in range(6) if n % 3]


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def shards(tmp_path: Path) -> RealShards:
    """Blobs of colour; in patches outside the train split every mask pixel is class 2."""
    draw = np.random.default_rng(5)
    folder = tmp_path / "real"
    found = RealShards([], [], [])
    for shard in "AB":
        masks = draw.integers(0, 2, (6, SIZE, SIZE), dtype=np.uint8)
        masks[:, :2] = 255
        masks[::3] = 2
        images = draw.integers(0, 256, (6, SIZE, SIZE, 3), dtype=np.uint8)
        found.images.append(folder / f"{shard}.images.npy")
        found.masks.append(folder / f"{shard}.masks.npy")
        found.indices.append(folder / f"{shard}.index.parquet")
        write_array(found.images[-1], images)
        write_array(found.masks[-1], masks)
        write_table(found.indices[-1], index_columns(shard), "real_index", provenance("test"))
    return found


def index_columns(shard: str) -> dict[str, list[Any]]:
    splits = ["test", "train", "train", "validation", "train", "train"]
    return {
        "patch_id": [f"{shard}_000_{n:03d}" for n in range(6)],
        "tile": [shard] * 6,
        "row": [0] * 6,
        "column": list(range(6)),
        "split": splits,
        "crs": ["EPSG:4326"] * 6,
        "transform": [[1.0, 0.0, 0.0, 0.0, -1.0, 0.0]] * 6,
        "geometry": [b""] * 6,
        "year": [2021] * 6,
        "scaling": ["none"] * 6,
    }


@dataclass(frozen=True)
class Micro:
    """A micro training: options of the advancing verb, and the outputs that the last slot adds."""

    options: dict[str, Any]
    outputs: dict[str, Any]

    @property
    def state(self) -> Path:
        path: Path = self.options["state"]
        return path


Make = Callable[..., Micro]


@pytest.fixture
def stylegan(shards: RealShards, tmp_path: Path) -> Make:
    """Function (folder, changes) -> a StyleGAN2 training of 10 steps in that folder."""

    def make(folder: str = "stylegan", **changes: Any) -> Micro:
        options = {
            "images": shards.images,
            "indices": shards.indices,
            "architecture": "stylegan2",
            "z_dim": 8,
            "w_dim": 8,
            "mapping_layers": 1,
            "channel_base": 128,
            "channel_max": 8,
            "r1_gamma": 0.1,
            "path_length_weight": 2.0,
            "augment": "none",
            "ada_target": 0.6,
            **common(tmp_path / folder),
        }
        return Micro({**options, **changes}, outputs(tmp_path / folder))

    return make


@pytest.fixture
def spade(shards: RealShards, tmp_path: Path) -> Make:
    """Function (folder, changes) -> a SPADE training of 10 steps in that folder."""

    def make(folder: str = "spade", **changes: Any) -> Micro:
        options = {
            "images": shards.images,
            "masks": shards.masks,
            "indices": shards.indices,
            "legend": LEGEND,
            "base_channels": 4,
            "latent": 4,
            "noise_channels": 1,
            "discriminator": "unet",
            "discriminator_channels": 4,
            "consistency_weight": 1.0,
            "hidden_channels": 8,
            "upsamplings": 2,
            "warmup_kimg": 0.01,
            **common(tmp_path / folder),
        }
        return Micro({**options, **changes}, outputs(tmp_path / folder))

    return make


def common(folder: Path) -> dict[str, Any]:
    return {
        "batch": 4,
        "kimg": 0.04,
        "generator_rate": 0.002,
        "discriminator_rate": 0.002,
        "ema_kimg": 0.01,
        "tick_kimg": 0.012,
        "x_flip": True,
        "seed": 3,
        "device": "cpu",
        "precision": "float32",
        "state": folder / "state",
        "keep_state": False,
        "slot": 1,
        "runtime": None,
        "receipt": folder / "receipt.json",
    }


def outputs(folder: Path) -> dict[str, Any]:
    return {
        "slots": 1,
        "model": folder / "generator.safetensors",
        "history": folder / "history.parquet",
        "preview": folder / "preview.png",
        "progress": folder / "progress.png",
    }


@pytest.fixture
def stylegan_model(stylegan: Make) -> Path:
    """A StyleGAN2 generator of two steps."""
    micro = stylegan("stylegan_model", kimg=0.008)
    train_stylegan(**micro.options, **micro.outputs)
    path: Path = micro.outputs["model"]
    return path


@pytest.fixture
def spade_model(spade: Make) -> Path:
    """A SPADE generator of two steps."""
    micro = spade("spade_model", kimg=0.008)
    train_spade(**micro.options, **micro.outputs)
    path: Path = micro.outputs["model"]
    return path
