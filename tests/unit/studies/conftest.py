"""A small run with held-out patches, an untrained conditional generator and a segmenter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from groundsynth.evaluation.features import extract_features
from groundsynth.gan.generator_files import build_generator, save_generator
from groundsynth.gan.real_patches import train_split_digest
from groundsynth.segmentation.architectures import build_model
from groundsynth.segmentation.models import Description, save_model
from groundsynth.shards import write_array
from groundsynth.tables import SCHEMAS, write_table

ENCODER, SIZE = "tu-mobilenetv3_small_050", 64
CLASSES = [{"name": n, "codes": [i], "color": [40 * i, 0, 0]} for i, n in enumerate("abc", 1)]
NAMES = ("a", "b", "c")
SPLITS = (["train"] * 4 + ["test"] * 3, ["validation"] + ["test"] * 2 + ["train"] * 2)
KEYWORDS: dict[str, Any] = {
    "semantic_nc": 3,
    "ngf": 4,
    "crop_size": SIZE,
    "num_upsampling_layers": 3,
    "latent_dim": 4,
    "noise_dim": 1,
    "hidden": 8,
}


def ids_of(number: int) -> list[str]:
    return [f"N36E03{number}_000_{n:03d}" for n in range(len(SPLITS[number]))]


def ids_in(split: str) -> list[str]:
    pairs = [zip(ids_of(n), splits, strict=True) for n, splits in enumerate(SPLITS)]
    return [name for part in pairs for name, own in part if own == split]


def write_index(path: Path, number: int, splits: list[str]) -> None:
    columns: dict[str, list[Any]] = {
        name: [None] * len(splits) for name in SCHEMAS["real_index"].names
    }
    write_table(path, {**columns, "patch_id": ids_of(number), "split": splits}, "real_index", {})


def save_spade(path: Path, **facts: Any) -> None:
    """An untrained generator as a training would leave it."""
    torch.manual_seed(11)
    about = {
        "resolution": SIZE,
        "classes": list(NAMES),
        "seed": 11,
        "images": 5000,
        "discriminator": "patch",
        "population": "conditional",
        "train_split": train_split_digest(ids_in("train")),
    }
    network = build_generator("spade", KEYWORDS)
    for parameter in network.parameters():  # loud, so that samples differ by whole grey levels
        parameter.data.mul_(2)
    save_generator(path, network, "spade", KEYWORDS, **{**about, **facts})


def save_segmenter(path: Path, parts: dict[str, Any], seed: int = 1) -> None:
    torch.manual_seed(seed)
    about = Description("fpn", ENCODER, NAMES, "mix", parts, 1, SIZE, 0.1)
    save_model(path, build_model("fpn", ENCODER, 3).state_dict(), about, {})


def extract(folder: Path) -> None:
    """The segmenter's features of both shards, as the run leaves them."""
    for number in range(len(SPLITS)):
        extract_features(
            images=folder / f"{number}.images.npy",
            index=folder / f"{number}.index.parquet",
            population="real",
            extractor="segmenter",
            weights=folder / "segmenter.safetensors",
            network=None,
            sha256=None,
            batch=3,
            device="cpu",
            precision="float32",
            output=folder / f"{number}.features.parquet",
        )


@pytest.fixture
def run(tmp_path: Path) -> dict[str, Any]:
    """Arguments of measure_mask_fidelity; two shards, five test and six train patches."""
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    for number, splits in enumerate(SPLITS):
        write_index(tmp_path / f"{number}.index.parquet", number, splits)
        masks = random.integers(0, 3, (len(splits), SIZE, SIZE), np.uint8)
        masks[:, :5] = 255
        write_array(tmp_path / f"{number}.masks.npy", masks)
        images = random.integers(0, 256, (len(splits), SIZE, SIZE, 3), np.uint8)
        write_array(tmp_path / f"{number}.images.npy", images)
    save_spade(tmp_path / "generator.safetensors")
    save_segmenter(tmp_path / "segmenter.safetensors", {"real": True})
    extract(tmp_path)
    return {
        "generator": tmp_path / "generator.safetensors",
        "images": [tmp_path / f"{n}.images.npy" for n in range(2)],
        "masks": [tmp_path / f"{n}.masks.npy" for n in range(2)],
        "indices": [tmp_path / f"{n}.index.parquet" for n in range(2)],
        "features": [tmp_path / f"{n}.features.parquet" for n in range(2)],
        "segmenter": tmp_path / "segmenter.safetensors",
        "legend": {"classes": CLASSES},
        "most_masks": 4,
        "samples_per_mask": 3,
        "shown": 2,
        "seed": 9,
        "batch": 3,
        "device": "cpu",
        "precision": "float32",
        "output": tmp_path / "fidelity.json",
        "examples": tmp_path / "examples.npy",
    }
