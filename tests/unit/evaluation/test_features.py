"""Features of a trained encoder: pooled last stage, one row an image, joined by id."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from groundsynth.errors import InputError
from groundsynth.evaluation.feature_tables import feature_model, read_features, write_features
from groundsynth.evaluation.features import extract_features
from groundsynth.provenance import digest_of
from groundsynth.segmentation.architectures import build_model
from groundsynth.segmentation.models import Description, save_model
from groundsynth.segmentation.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from groundsynth.shards import write_array
from groundsynth.tables import read_provenance, write_table

ENCODER = "tu-mobilenetv3_small_050"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    network = build_model("segformer", ENCODER, 3)
    about = Description(
        architecture="segformer",
        encoder=ENCODER,
        class_names=("a", "b", "c"),
        mix="real",
        mix_parts={"real": True},
        seed=1,
        patch_size=64,
        validation_f1=0.1,
    )
    path = tmp_path / "model.safetensors"
    save_model(path, network.state_dict(), about, {})
    return path


def extract(tmp_path: Path, model: Path, count: int = 5, **changes: Any) -> Path:
    images = tmp_path / "shard.images.npy"
    pictures = np.random.default_rng(1).integers(0, 256, (5, 64, 64, 3), np.uint8)
    write_array(images, pictures[:count])
    index = tmp_path / "shard.index.parquet"
    rows = {
        "sample_id": [f"unconditional-{n:08d}" for n in range(count)],
        "population": ["unconditional"] * count,
        "seed": list(range(count)),
        "condition_patch_id": [None] * count,
        "model_digest": [""] * count,
    }
    write_table(index, rows, "synthetic_index", {})
    given = {
        "images": images,
        "index": index,
        "population": "unconditional",
        "extractor": "segmenter",
        "weights": model,
        "network": None,
        "sha256": None,
        "batch": 2,
        "device": "cpu",
        "precision": "float32",
        "output": tmp_path / "features.parquet",
        **changes,
    }
    extract_features(**given)
    output: Path = given["output"]
    return output


def test_features_are_the_mean_of_the_last_stage(tmp_path: Path, model: Path) -> None:
    path = extract(tmp_path, model)
    populations, ids, vectors = read_features(path)
    assert ids == [f"unconditional-{n:08d}" for n in range(5)]
    assert set(populations) == {"unconditional"}
    torch.manual_seed(1)
    network = build_model("segformer", ENCODER, 3).eval()
    pictures = np.random.default_rng(1).integers(0, 256, (5, 64, 64, 3), np.uint8)
    x = torch.from_numpy(pictures / 255.0 - IMAGENET_MEAN) / torch.tensor(IMAGENET_STD)
    with torch.inference_mode():
        stages = network.get_submodule("encoder")(x.permute(0, 3, 1, 2).float())
    assert np.allclose(vectors, stages[-1].mean((2, 3)), atol=1e-5)


def test_features_name_the_model_that_made_them(tmp_path: Path, model: Path) -> None:
    path = extract(tmp_path, model)
    assert feature_model([path]).startswith(f"segformer/{ENCODER}/")
    said = read_provenance(path)["parameters"]
    assert (said["weights_digest"], said["extractor"]) == (digest_of(model), "segmenter")
    assert "not resized" in said["preprocessing"]
    other = tmp_path / "other.parquet"
    write_features(other, "real", ["a"], "another", np.zeros((1, 3)), {})
    with pytest.raises(InputError, match="come from different models"):
        feature_model([path, other])


def test_shard_without_rows_gives_an_empty_table(tmp_path: Path, model: Path) -> None:
    populations, ids, vectors = read_features(extract(tmp_path, model, count=0))
    assert (populations, ids, len(vectors)) == ([], [], 0)


def test_index_of_another_shard_is_refused(tmp_path: Path, model: Path) -> None:
    extract(tmp_path, model, count=3)
    images = tmp_path / "more.npy"
    write_array(images, np.zeros((4, 64, 64, 3), np.uint8))
    with pytest.raises(InputError, match=r"has 4 rows and .* 5"):
        extract(tmp_path, model, images=images)


def test_vectors_of_different_lengths_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "features.parquet"
    columns = {
        "population": ["real"] * 2,
        "id": ["a", "b"],
        "model": ["m"] * 2,
        "vector": pa.array([[1.0], [1.0, 2.0]], pa.list_(pa.float32())),
    }
    write_table(path, columns, "features", {})
    with pytest.raises(InputError, match="different lengths"):
        read_features(path)
