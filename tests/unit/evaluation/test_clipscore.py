"""CLIPScore against a direct computation with open_clip, and files that are not what they seem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from groundsynth.errors import ConfigurationError, FetchError, InputError
from groundsynth.evaluation import clip_weights, clipscore
from groundsynth.evaluation.clip_model import (
    ClipModel,
    load_clip,
)
from groundsynth.evaluation.clip_training import preprocess_of, tiny_config
from groundsynth.evaluation.clip_weights import fetch_clip, save_clip
from groundsynth.evaluation.image_preparation import ImagePreparation, prepare_images
from groundsynth.files import write_json
from groundsynth.shards import write_array
from groundsynth.tables import read_table, write_table

NAME, SIZE, CPU = "test-tiny", 32, torch.device("cpu")
PREFIX = "A photo depicts "
CAPTIONS = ["Forest covers 40% of the scene.", "A winding river.", "corn <b>; x", "Crops, mainly."]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "model.json"
    write_json(path, {"name": NAME, **tiny_config(SIZE), "provenance": {"verb": "test"}})
    return path


@pytest.fixture(scope="module")
def weights(config: Path) -> Path:
    torch.manual_seed(0)
    network = open_clip.CLIP(**tiny_config(SIZE))
    path = config.with_suffix(".safetensors")
    save_clip(path, network, {"preprocess": preprocess_of(SIZE)})
    torch.save(network.state_dict(), path.with_suffix(".pt"))
    return path


@pytest.fixture(scope="module")
def model(config: Path, weights: Path) -> ClipModel:
    return load_clip(NAME, weights, CPU, config)


def photos(count: int, height: int = SIZE, width: int = SIZE) -> np.ndarray:
    generator = np.random.default_rng(3)
    return generator.integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def direct_cosines(config: Path, weights: Path, images: np.ndarray) -> np.ndarray:
    """open_clip's own transform and model, one pair at a time."""
    open_clip.add_model_config(config.parent)
    network, _, transform = open_clip.create_model_and_transforms(
        config.stem,
        pretrained=str(weights),
        image_mean=(0.5, 0.5, 0.5),
        image_std=(0.25, 0.25, 0.25),
    )
    network.eval()
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    found = []
    with torch.no_grad():
        for image, caption in zip(images, CAPTIONS, strict=True):
            a = network.encode_image(transform(Image.fromarray(image))[None])[0]
            b = network.encode_text(tokenizer([PREFIX + caption]))[0]
            found.append(float(torch.dot(a, b) / (a.norm() * b.norm())))
    return np.asarray(found)


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_cosines_are_those_of_a_direct_computation(
    model: ClipModel, weights: Path, batch: int, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.json"  # without the keys that only this package knows
    write_json(plain, tiny_config(SIZE))
    images = photos(4)
    found = clipscore.score_pairs(model, images, CAPTIONS, PREFIX, batch)
    expected = direct_cosines(plain, weights, images)
    assert np.abs(found.cosine - expected).max() < 1e-5
    assert not found.truncated.any()


def test_a_pt_file_gives_the_same_network(config: Path, weights: Path, model: ClipModel) -> None:
    other = load_clip(NAME, weights.with_suffix(".pt"), CPU, config)
    assert torch.equal(other.embed_texts(CAPTIONS), model.embed_texts(CAPTIONS))
    # such a file does not say how its images were prepared: open_clip's default holds
    assert other.preparation.mean == open_clip.OPENAI_DATASET_MEAN
    assert model.preparation.mean == (0.5, 0.5, 0.5)


def test_scores() -> None:
    cosine = np.asarray([0.3, -0.2, 0.0])
    assert clipscore.clipscore(cosine) == pytest.approx([30, 0, 0])
    assert clipscore.hessel_clipscore(cosine) == pytest.approx([0.75, 0, 0])
    assert clipscore.clipscore(0.25) == 25


@pytest.mark.parametrize("mode", ["shortest", "squash"])
@pytest.mark.parametrize(
    ("height", "width", "size"),
    [(64, 64, 224), (256, 256, 224), (224, 224, 224), (256, 256, 64), (65, 65, 64)],
)
def test_images_are_prepared_as_open_clip_does(
    mode: str, height: int, width: int, size: int
) -> None:
    transform = image_transform_v2(PreprocessCfg(size=size, resize_mode=mode), is_train=False)
    images = photos(2, height, width)
    expected = torch.stack([transform(Image.fromarray(image)) for image in images])
    preparation = ImagePreparation(
        (size, size),
        open_clip.OPENAI_DATASET_MEAN,
        open_clip.OPENAI_DATASET_STD,
        "bicubic",
        mode,
    )
    found = prepare_images(torch.from_numpy(images), preparation)
    levels = (found - expected).abs() * torch.tensor(preparation.std).view(3, 1, 1) * 255
    assert float(levels.max()) < 2.01
    assert float(levels.mean()) < 0.02


def test_oblong_images_are_cropped_as_open_clip_does() -> None:
    transform = image_transform_v2(PreprocessCfg(size=64), is_train=False)
    images = photos(1, 90, 161)
    preparation = ImagePreparation((64, 64), (0.5,) * 3, (1.0,) * 3, "bicubic", "shortest")
    found = prepare_images(torch.from_numpy(images), preparation)
    plain = ImagePreparation(
        (64, 64),
        open_clip.OPENAI_DATASET_MEAN,
        open_clip.OPENAI_DATASET_STD,
        "bicubic",
        "shortest",
    )
    expected = transform(Image.fromarray(images[0]))
    again = prepare_images(torch.from_numpy(images), plain)[0]
    assert found.shape == (1, 3, 64, 64)
    assert float((again - expected).abs().max()) < 0.02
    odd = ImagePreparation((64, 64), (0.5,) * 3, (1.0,) * 3, "bicubic", "longest")
    with pytest.raises(ConfigurationError, match="square patches"):
        prepare_images(torch.from_numpy(images), odd)


def test_long_captions_are_marked(model: ClipModel) -> None:
    fits = "tree " * (77 - 2 - 3)
    assert not model.is_truncated("A photo depicts " + fits)
    assert model.is_truncated("A photo depicts " + fits + " tree")
    found = clipscore.score_pairs(model, photos(2), [fits, fits + "tree"], PREFIX)
    assert found.truncated.tolist() == [False, True]


def test_the_activation_noted_in_the_file_is_used(config: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = open_clip.CLIP(**tiny_config(SIZE), quick_gelu=True)
    noted = tmp_path / "noted.safetensors"
    save_clip(noted, network, {"quick_gelu": True, "preprocess": preprocess_of(SIZE)})
    network.eval()
    tokens = open_clip.get_tokenizer("ViT-B-32")(CAPTIONS)
    with torch.no_grad():
        expected = network.encode_text(tokens, normalize=True)
    found = load_clip(NAME, noted, CPU, config).embed_texts(CAPTIONS)
    assert torch.allclose(found, expected, atol=1e-6)
    save_clip(noted, network, {"preprocess": preprocess_of(SIZE)})
    other = load_clip(NAME, noted, CPU, config).embed_texts(CAPTIONS)
    assert not torch.allclose(other, expected, atol=1e-4)


def test_weights_that_do_not_fit_are_refused(config: Path, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.safetensors is missing"):
        load_clip(NAME, tmp_path / "none.safetensors", CPU, config)
    with pytest.raises(ConfigurationError, match="'no-such-model'"):
        load_clip("no-such-model", weights, CPU)
    half = tmp_path / "half.safetensors"
    half.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(InputError, match="truncated"):
        load_clip(NAME, half, CPU, config)
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"broken\.pt"):
        load_clip(NAME, broken, CPU, config)
    pickled = tmp_path / "pickled.pt"
    torch.save({"state_dict": Path("x")}, pickled)
    with pytest.raises(InputError, match=r"pickled\.pt"):
        load_clip(NAME, pickled, CPU, config)
    foreign = tmp_path / "foreign.safetensors"
    save_clip(foreign, torch.nn.Linear(2, 2), {})
    with pytest.raises(InputError, match="does not hold plain weights"):
        load_clip(NAME, foreign, CPU, config)
    write_json(tmp_path / "x.json", {"embed_dim": 3})
    with pytest.raises(InputError, match=r"x\.json is no open_clip"):
        load_clip(NAME, weights, CPU, tmp_path / "x.json")


def write_shard(folder: Path, ids: list[str]) -> None:
    write_array(folder / "images.npy", photos(len(ids)))
    columns: dict[str, Any] = {
        "sample_id": ids,
        "population": ["unconditional"] * len(ids),
        "seed": list(range(len(ids))),
        "condition_patch_id": [None] * len(ids),
        "model_digest": ["d"] * len(ids),
    }
    write_table(folder / "index.parquet", columns, "synthetic_index", {})


def write_captions(path: Path, name: str, rows: list[tuple[str, str]], **changed: str) -> Path:
    columns: dict[str, Any] = {
        "population": [changed.get("population", "unconditional")] * len(rows),
        "id": [row[0] for row in rows],
        "captioner": [name] * len(rows),
        "caption": [row[1] for row in rows],
        "raw": [row[1] for row in rows],
        "status": ["ok" if row[1] else "empty" for row in rows],
        "tokens": [1] * len(rows),
        "seed": [0] * len(rows),
    }
    for column in ("prompt_version", "model", "revision", "engine", "engine_version"):
        columns[column] = ["x"] * len(rows)
    write_table(path, columns, "captions", {})
    return path


def options(folder: Path, weights: Path, config: Path) -> dict[str, Any]:
    return {
        "images": folder / "images.npy",
        "index": folder / "index.parquet",
        "population": "unconditional",
        "model": NAME,
        "weights": weights,
        "model_config": config,
        "prefix": PREFIX,
        "batch": 2,
        "device": "cpu",
        "precision": "float32",
        "output": folder / "scores.parquet",
    }


def test_the_verb_joins_by_id_and_embeds_images_once(
    tmp_path: Path,
    weights: Path,
    config: Path,
    model: ClipModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = ["a", "b", "c"]
    write_shard(tmp_path, ids)
    first = write_captions(tmp_path / "1.parquet", "one", [("c", "x"), ("a", ""), ("b", "y")])
    second = write_captions(tmp_path / "2.parquet", "two", [("a", "z")])
    seen: list[int] = []
    embed = ClipModel.embed_images

    def counting(self: ClipModel, images: np.ndarray) -> torch.Tensor:
        seen.append(len(images))
        return embed(self, images)

    monkeypatch.setattr(ClipModel, "embed_images", counting)
    settings = options(tmp_path, weights, config)
    clipscore.score_captions(captions=[first, second], **settings)
    assert sum(seen) == 3
    rows = read_table(settings["output"], "caption_scores").to_pylist()
    assert [(r["captioner"], r["id"]) for r in rows] == [
        ("one", "c"),
        ("one", "a"),
        ("one", "b"),
        ("two", "a"),
    ]
    assert rows[1]["cosine"] is None
    assert rows[1]["clipscore"] is None
    images = photos(3)
    expected = clipscore.score_pairs(model, images[[2, 1, 0]], ["x", "y", "z"], PREFIX).cosine
    found = [rows[n]["cosine"] for n in (0, 2, 3)]
    assert found == pytest.approx(expected.tolist(), abs=1e-6)
    for row in (rows[0], rows[2], rows[3]):
        assert row["clipscore"] == pytest.approx(100 * max(row["cosine"], 0), abs=1e-4)


def test_captions_of_other_images_are_refused(tmp_path: Path, weights: Path, config: Path) -> None:
    write_shard(tmp_path, ["a", "b"])
    settings = options(tmp_path, weights, config)
    foreign = write_captions(tmp_path / "1.parquet", "one", [("zz", "x")])
    with pytest.raises(InputError, match="'zz'"):
        clipscore.score_captions(captions=[foreign], **settings)
    other = write_captions(tmp_path / "2.parquet", "one", [("a", "x")], population="real")
    with pytest.raises(InputError, match="another population"):
        clipscore.score_captions(captions=[other], **settings)
    assert not settings["output"].exists()


def test_fetched_weights_say_how_they_were_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def create(name: str, **settings: Any) -> Any:
        asked.append({"name": name, **settings})
        network = open_clip.CLIP(**tiny_config(SIZE))
        open_clip.set_model_preprocess_cfg(network, preprocess_of(SIZE))
        return network

    monkeypatch.setattr(open_clip, "create_model", create)
    output = tmp_path / "w.safetensors"
    fetch_clip(model="ViT-B-32", pretrained="openai", output=output)
    assert asked[0]["force_quick_gelu"] is True
    with output.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(size))
    noted = json.loads(header["__metadata__"]["groundsynth"])
    assert (noted["pretrained"], noted["quick_gelu"]) == ("openai", True)
    assert noted["preprocess"]["size"] == SIZE


def test_fetching_fails_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "w.safetensors"
    with pytest.raises(ConfigurationError, match="laion2b_s34b_b79k"):
        fetch_clip(model="ViT-B-32", pretrained="nothing", output=output)
    with pytest.raises(ConfigurationError, match=r"\.safetensors"):
        fetch_clip(model="ViT-B-32", pretrained="openai", output=tmp_path / "w.pt")

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("no route to host")

    monkeypatch.setattr(clip_weights.open_clip, "create_model", refuse)
    with pytest.raises(FetchError, match="no route to host"):
        fetch_clip(model="ViT-B-32", pretrained="openai", output=output)
    assert not output.exists()
