"""The verb measure-distances on a small run: joins, comparisons, refusals."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from groundsynth.errors import InputError
from groundsynth.evaluation.distances import measure_distances
from groundsynth.evaluation.feature_tables import read_features, write_features
from groundsynth.evaluation.frechet import frechet_distance
from groundsynth.evaluation.kernel_distance import kernel_distance
from groundsynth.evaluation.manifolds import SCORES, manifold_scores
from groundsynth.evaluation.segmenter_features import segmenter_extractor
from groundsynth.evaluation.untrained import TrainMasks, untrained_samples
from groundsynth.gan.generator_files import build_generator, save_generator
from groundsynth.gan.latents import latents, to_pixels
from groundsynth.segmentation.architectures import build_model
from groundsynth.segmentation.models import Description, load_model, save_model
from groundsynth.shards import write_array
from groundsynth.tables import SCHEMAS, write_table

ENCODER = "tu-mobilenetv3_small_050"
CPU = torch.device("cpu")
CLASSES = [{"name": n, "codes": [i], "color": [i, i, i]} for i, n in enumerate("ab", 1)]
KEYWORDS: dict[str, dict[str, Any]] = {
    "stylegan2": {
        "z_dim": 8,
        "c_dim": 0,
        "w_dim": 8,
        "img_resolution": 64,
        "img_channels": 3,
        "mapping_kwargs": {"num_layers": 2},
        "channel_base": 128,
        "channel_max": 8,
    },
    "spade": {
        "semantic_nc": 2,
        "ngf": 4,
        "crop_size": 64,
        "num_upsampling_layers": 3,
        "latent_dim": 4,
        "hidden": 8,
    },
}


def real_shard(folder: Path, number: int, splits: list[str]) -> None:
    ids = [f"N36E03{number}_000_{n:03d}" for n in range(len(splits))]
    columns: dict[str, list[Any]] = {
        name: [None] * len(ids) for name in SCHEMAS["real_index"].names
    }
    columns |= {"patch_id": ids, "split": splits}
    write_table(folder / f"{number}.index.parquet", columns, "real_index", {})
    masks = np.random.default_rng(number).integers(0, 2, (len(ids), 64, 64), np.uint8)
    write_array(folder / f"{number}.masks.npy", masks)


@pytest.fixture
def run(tmp_path: Path) -> dict[str, Any]:
    """Arguments of measure_distances; features are random numbers, the models untrained."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    segmenter = tmp_path / "model.safetensors"
    about = Description("fpn", ENCODER, ("a", "b"), "real", {"real": True}, 1, 64, 0.1)
    save_model(segmenter, build_model("fpn", ENCODER, 2).state_dict(), about, {})
    title = load_model(segmenter, CPU)[1].title
    random = np.random.default_rng(0)
    for number, splits in enumerate((["train"] * 5 + ["test"] * 3, ["validation"] + ["train"] * 4)):
        real_shard(tmp_path, number, splits)
        ids = [f"N36E03{number}_000_{n:03d}" for n in range(len(splits))]
        vectors = random.normal(size=(len(ids), 288))
        order = random.permutation(len(ids))  # a join by id does not rely on equal order
        write_features(
            tmp_path / f"real.{number}.parquet",
            "real",
            [ids[n] for n in order],
            title,
            vectors[order],
            {},
        )
    for number in range(2):
        vectors = 0.7 * random.normal(size=(6, 288)) + 0.05
        ids = [f"unconditional-{number}{n}" for n in range(6)]
        write_features(tmp_path / f"s.{number}.parquet", "unconditional", ids, title, vectors, {})
    return {
        "real": [tmp_path / f"real.{n}.parquet" for n in range(2)],
        "real_indices": [tmp_path / f"{n}.index.parquet" for n in range(2)],
        "masks": [tmp_path / f"{n}.masks.npy" for n in range(2)],
        "synthetic": [tmp_path / f"s.{n}.parquet" for n in range(2)],
        "population": "unconditional",
        "generator": generator(tmp_path, "stylegan2"),
        "extractor": "segmenter",
        "weights": segmenter,
        "network": None,
        "sha256": None,
        "distance_samples": 9,
        "baseline_samples": 5,
        "manifold_samples": 100,
        "neighbours": 2,
        "kernel_subsets": 2,
        "kernel_subset_size": 50,
        "seed": 3,
        "batch": 2,
        "device": "cpu",
        "precision": "float32",
        "legend": {"classes": CLASSES},
        "output": tmp_path / "distances.json",
    }


def generator(folder: Path, architecture: str) -> Path:
    """A generator whose "training" set all weights to zero; its seed is 11."""
    torch.manual_seed(11)
    network = build_generator(architecture, KEYWORDS[architecture])
    for parameter in network.parameters():
        parameter.data.zero_()
    path = folder / architecture / "generator.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_generator(path, network, architecture, KEYWORDS[architecture], seed=11)
    return path


def vectors_of(paths: list[Path], wanted: dict[str, str] | None = None, split: str = "") -> Any:
    rows = [
        vector
        for path in paths
        for name, vector in zip(*read_features(path)[1:], strict=True)
        if wanted is None or wanted[name] == split
    ]
    return np.stack(rows)


def test_distances_are_those_of_the_joined_splits(run: dict[str, Any]) -> None:
    measure_distances(**run)
    found = json.loads(run["output"].read_text())
    splits = {f"N36E030_000_{n:03d}": "train" if n < 5 else "test" for n in range(8)}
    splits |= {f"N36E031_000_{n:03d}": "train" if n else "validation" for n in range(5)}
    train, test = (vectors_of(run["real"], splits, split) for split in ("train", "test"))
    samples = vectors_of(run["synthetic"])[:9]
    assert found["distance"] == pytest.approx(frechet_distance(samples, train), rel=1e-9)
    assert found["floor"]["distance"] == pytest.approx(frechet_distance(test, train), rel=1e-9)
    assert found["ratio"] == found["distance"] / found["untrained"]["distance"]
    assert found["counts"] == {"real_train": 9, "real_test": 3, "synthetic": 9, "untrained": 5}
    assert found["chosen"] == found["counts"]
    scores = manifold_scores(train, samples, 2)
    assert {name: found[name] for name in SCORES} == scores
    assert scores["precision"] != scores["recall"]
    assert found["floor"]["recall"] is None  # three test patches have no second neighbours
    whole = kernel_distance(samples, train, subsets=1, subset_size=9, seed=0)[0]
    assert found["kernel_distance"] == pytest.approx(whole, rel=1e-9)  # nine of each: all of them
    assert found["settings"] == {
        "kernel_subsets": 2,
        "kernel_subset_size": 50,
        "neighbours": 2,
        "manifold_samples": 100,
        "seed": 3,
    }
    extractor = segmenter_extractor(run["weights"], CPU, "float32")
    assert {name: found[name] for name in extractor.description} == extractor.description
    assert found["dimensions"] == 288
    torch.manual_seed(11)
    start: Any = build_generator("stylegan2", KEYWORDS["stylegan2"]).eval()
    with torch.no_grad():
        images = to_pixels(start(latents(range(3, 8), 8), None, noise_mode="const"))
    expected = frechet_distance(extractor.vectors(images, batch=5), train)
    assert found["untrained"]["distance"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("architecture", KEYWORDS)
def test_untrained_samples_do_not_depend_on_the_batch(
    run: dict[str, Any], tmp_path: Path, architecture: str
) -> None:
    found = []
    for batch in (2, 12):
        parts = untrained_samples(
            generator(tmp_path, architecture),
            masks=TrainMasks(run["masks"], run["real_indices"]),
            classes=2,
            seed=0,
            count=12,
            batch=batch,
            device=CPU,
            precision="float32",
        )
        found.append(np.concatenate(list(parts)))
    assert found[0].shape == (12, 64, 64, 3)
    assert np.abs(found[0].astype(int) - found[1]).max() <= 1
    assert found[0].std(0).max() > 0
    zeros = np.full_like(found[0], 128)
    assert not np.array_equal(found[0], zeros)  # not the trained weights, which are all zero


def test_train_masks_leave_the_other_splits_out(run: dict[str, Any]) -> None:
    masks = TrainMasks(run["masks"], run["real_indices"])
    first, second = (np.load(path) for path in run["masks"])
    expected = np.concatenate([first[:5], second[1:]])
    assert np.array_equal(masks.take(np.arange(9)), expected)
    assert np.array_equal(masks.take(np.array([9, 17])), expected[[0, 8]])


def test_features_of_another_model_are_refused(run: dict[str, Any], tmp_path: Path) -> None:
    for path in [*run["real"], *run["synthetic"]]:
        write_features(path, "real", ["a", "b"], "another", np.zeros((2, 3)), {})
    with pytest.raises(InputError, match="made by another, not by fpn"):
        measure_distances(**run)


def test_feature_of_an_unlisted_patch_is_refused(run: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"real\.1\.parquet has the patch .* no index lists"):
        measure_distances(
            **{**run, "real_indices": run["real_indices"][:1], "masks": run["masks"][:1]}
        )
    assert not run["output"].exists()


def test_few_vectors_are_chosen_of_many(run: dict[str, Any]) -> None:
    measure_distances(**{**run, "manifold_samples": 4})
    found = json.loads(run["output"].read_text())
    assert found["counts"]["real_train"] == 9
    assert found["chosen"] == {"real_train": 4, "real_test": 3, "synthetic": 4, "untrained": 4}
    assert found["settings"]["manifold_samples"] == 4
    assert found["precision"] is not None
