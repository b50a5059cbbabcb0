"""Trained models on disk, and the masks they give to unconditional samples."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.segmentation.architectures import build_model
from groundsynth.segmentation.inference import label_unconditional
from groundsynth.segmentation.models import Description, load_model, save_model
from groundsynth.segmentation.preprocessing import as_images, standardise
from groundsynth.shards import open_array, write_array
from groundsynth.tables import SCHEMAS, read_table, write_table

CPU = torch.device("cpu")


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Function that saves a model with random weights and returns its path."""

    def saved(mix: str = "real", classes: int = 5, **parts: Any) -> Path:
        torch.manual_seed(2)
        model = build_model("fpn", "tu-mobilenetv3_small_050", classes)
        about = Description(
            architecture="fpn",
            encoder="tu-mobilenetv3_small_050",
            class_names=tuple(f"class {n}" for n in range(classes)),
            mix=mix,
            mix_parts=parts or {"real": True},
            seed=2,
            patch_size=64,
            validation_f1=0.5,
        )
        path = tmp_path / mix / "model.safetensors"
        save_model(path, model.state_dict(), about, {"verb": "test"})
        return path

    return saved


def label(populations: dict[str, list[Path]], model: Path, **changes: Any) -> dict[str, Any]:
    given = {
        "model": model,
        "images": populations["unconditional_images"][0],
        "index": populations["unconditional_indices"][0],
        "batch": 4,
        "device": "cpu",
        "precision": "float32",
        "masks": model.parent / "masks.npy",
        "confidence": model.parent / "confidence.parquet",
        **changes,
    }
    label_unconditional(**given)
    return given


def test_model_loads_as_it_was_saved(save: Callable[..., Path]) -> None:
    path = save()
    model, about = load_model(path, CPU)
    torch.manual_seed(2)
    expected = build_model("fpn", "tu-mobilenetv3_small_050", 5).state_dict()
    assert all(torch.equal(expected[name], value) for name, value in model.state_dict().items())
    assert about.trained_on.real_only
    assert about.class_names[4] == "class 4"
    assert not model.training


def test_labels_are_the_likeliest_classes(
    save: Callable[..., Path], populations: dict[str, list[Path]]
) -> None:
    given = label(populations, save())
    model, _ = load_model(given["model"], CPU)
    images = np.array(open_array(given["images"]))
    with torch.inference_mode():
        shares = model(standardise(as_images(images, CPU))).softmax(1)
    masks = open_array(given["masks"])
    assert masks.shape == (10, 64, 64)
    assert masks.dtype == np.uint8
    likeliest = shares.argmax(1).numpy()
    assert (likeliest == masks).mean() > 0.999  # ties may fall otherwise in other batches
    rows = read_table(given["confidence"], "confidence").to_pylist()
    ids = read_table(given["index"], "synthetic_index")["sample_id"].to_pylist()
    assert [row["id"] for row in rows] == ids
    expected = shares.max(1).values.mean((1, 2)).tolist()
    assert [row["confidence"] for row in rows] == pytest.approx(expected, abs=1e-5)


def test_flips_average_over_four_symmetries(
    save: Callable[..., Path], populations: dict[str, list[Path]]
) -> None:
    given = label(populations, save(), batch=10, flips=True)
    model, _ = load_model(given["model"], CPU)
    images = as_images(np.array(open_array(given["images"])), CPU)

    def shares(inputs: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return model(standardise(inputs)).softmax(1)

    parts = [
        shares(images),
        shares(images.flip(3)).flip(3),
        shares(images.flip(2)).flip(2),
        shares(images.transpose(2, 3)).transpose(2, 3),
    ]
    assert all((part - parts[0]).abs().max() > 0.01 for part in parts[1:]), "not symmetric"
    mean = torch.stack(parts).mean(0)
    likeliest = mean.argmax(1).numpy()
    assert (likeliest == open_array(given["masks"])).mean() > 0.9999
    assert (likeliest == parts[0].argmax(1).numpy()).mean() < 0.99
    found = read_table(given["confidence"], "confidence")["confidence"].to_pylist()
    assert found == pytest.approx(mean.max(1).values.mean((1, 2)).tolist(), abs=1e-6)
    plain = label(populations, given["model"], batch=10)
    largest, classes = parts[0].max(1)
    assert np.array_equal(open_array(plain["masks"]), classes.numpy())
    found = read_table(plain["confidence"], "confidence")["confidence"].to_pylist()
    assert found == largest.mean((1, 2)).tolist()


@pytest.mark.parametrize("parts", [{"real": True, "conditional": 3}, {"unconditional": 4}])
def test_model_that_has_seen_synthetic_patches_is_refused(
    save: Callable[..., Path], populations: dict[str, list[Path]], parts: dict[str, Any]
) -> None:
    path = save(mix="mixed", **parts)
    with pytest.raises(ConfigurationError, match="the mix 'mixed', which holds synthetic"):
        label(populations, path)
    assert not (path.parent / "masks.npy").exists()


def test_shard_without_rows_gives_empty_labels(
    save: Callable[..., Path], populations: dict[str, list[Path]], tmp_path: Path
) -> None:
    images, index = tmp_path / "none.npy", tmp_path / "none.parquet"
    write_array(images, np.zeros((0, 64, 64, 3), np.uint8))
    write_table(
        index, {name: [] for name in SCHEMAS["synthetic_index"].names}, "synthetic_index", {}
    )
    given = label(populations, save(), images=images, index=index)
    assert open_array(given["masks"]).shape == (0, 64, 64)


def test_images_and_index_of_unlike_length_are_refused(
    save: Callable[..., Path], populations: dict[str, list[Path]]
) -> None:
    with pytest.raises(InputError, match=r"has 6 rows .* 10; delete both"):
        label(populations, save(), images=populations["conditional_images"][0])


def test_broken_or_exchanged_files_are_refused(save: Callable[..., Path]) -> None:
    path = save()
    weights = path.read_bytes()
    path.write_bytes(weights[:-8])
    with pytest.raises(InputError, match=r"is not the file that model\.json describes"):
        load_model(path, CPU)
    path.unlink()
    with pytest.raises(InputError, match="is missing"):
        load_model(path, CPU)
    path.write_bytes(weights)
    path.with_suffix(".json").write_text('{"architecture": "fpn"}')
    with pytest.raises(InputError, match="does not describe a segmentation model"):
        load_model(path, CPU)
