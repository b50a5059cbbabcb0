"""The verb measure-mask-fidelity: against plain loops, on held-out maps only."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.evaluation.frechet import frechet_distance
from groundsynth.files import read_json
from groundsynth.gan.generator_files import load_generator
from groundsynth.gan.latents import latents, to_pixels
from groundsynth.gan.sampling import ranked
from groundsynth.gan.spade import one_hot
from groundsynth.segmentation.inference import predict
from groundsynth.studies.judge import Judge
from groundsynth.studies.mask_fidelity import measure_mask_fidelity

from .conftest import SPLITS, ids_in, save_segmenter, save_spade, write_index

CPU = torch.device("cpu")


def patches_of(run: dict[str, Any], split: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Ids, images and masks of one split."""
    wanted = [np.asarray(splits) == split for splits in SPLITS]
    images, masks = (
        np.concatenate([np.load(p)[keep] for p, keep in zip(run[kind], wanted, strict=True)])
        for kind in ("images", "masks")
    )
    return ids_in(split), images, masks


def iou_of(predicted: np.ndarray, truth: np.ndarray) -> list[float]:
    """IoU of each class over labelled pixels."""
    there = truth != 255
    return [
        float(
            ((predicted == k) & (truth == k)).sum()
            / (there & ((predicted == k) | (truth == k))).sum()
        )
        for k in range(3)
    ]


def test_figures_are_those_of_plain_loops(run: dict[str, Any]) -> None:
    measure_mask_fidelity(**run)
    found = read_json(run["output"])
    ids, images, masks = patches_of(run, "test")
    order = ranked(ids, run["seed"])[:4]
    images, masks = images[order], masks[order]
    network, _ = load_generator(run["generator"], CPU)
    generator: Any = network
    judge = Judge.load(run["segmenter"], 1, CPU, "float32")
    made = np.empty((3, 4, 64, 64, 3), np.uint8)
    for sample in range(3):
        for number in range(4):
            condition = one_hot(torch.from_numpy(masks[number : number + 1]), 3)
            z = latents([sample * 4 + number], generator.z_size)
            made[sample, number] = to_pixels(generator(condition, z))[0]
    assert np.abs(np.load(run["examples"]).astype(int) - made[0, :2]).max() <= 1
    assert found["shown"] == [ids[n] for n in order[:2]]
    vectors = np.stack([judge.features(part) for part in made])
    real = judge.features(images)
    distances = [
        np.linalg.norm(vectors[a, n] - vectors[b, n])
        for a, b in combinations(range(3), 2)
        for n in range(4)
    ]
    assert found["feature_diversity"] == pytest.approx(np.mean(distances), rel=2e-2)
    grey = [np.abs(made[a].astype(float) - made[b]).mean() for a, b in combinations(range(3), 2)]
    assert found["pixel_diversity"] == pytest.approx(np.mean(grey), rel=1e-2)
    train = judge.features(patches_of(run, "train")[1])
    everything = vectors.reshape(-1, vectors.shape[-1])
    for name, (a, b) in {
        "distance_test": (everything, real),
        "distance_train": (everything, train),
        "real_distance_train": (real, train),
    }.items():
        assert found[name] == pytest.approx(frechet_distance(a, b), rel=2e-2)
    for record, pictures, maps in (
        (found, made.reshape(-1, 64, 64, 3), np.concatenate([masks] * 3)),
        (found["real"], images, masks),
    ):
        predicted = np.concatenate([_classes(judge, picture) for picture in pictures])
        expected = iou_of(predicted, maps)
        assert list(record["iou"].values()) == pytest.approx(expected, abs=5e-3)
        assert record["miou"] == pytest.approx(np.mean(expected), abs=5e-3)
    assert (found["masks"], found["samples"], found["train_patches"]) == (4, 12, 6)
    assert (found["discriminator"], found["images"]) == ("patch", 5000)


def _classes(judge: Judge, picture: np.ndarray) -> np.ndarray:
    return predict(judge.model, judge.about, picture[None], device=CPU, precision="float32")[0]


def test_features_of_another_model_or_of_fewer_shards_are_refused(run: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="features of 4 train patches, but 6 such patches"):
        measure_mask_fidelity(**run | {"features": run["features"][:1]})
    save_segmenter(run["segmenter"], {"real": True}, seed=2)
    with pytest.raises(InputError, match=r"0\.features\.parquet holds features of another model"):
        measure_mask_fidelity(**run)
    assert not run["output"].exists()


def test_no_more_maps_than_there_are(run: dict[str, Any]) -> None:
    measure_mask_fidelity(**run | {"most_masks": 100, "shown": 16})
    found = read_json(run["output"])
    assert found["masks"] == 5
    assert sorted(found["shown"]) == sorted(ids_in("test"))
    assert len(np.load(run["examples"])) == 5


def test_a_train_patch_among_the_test_patches_is_refused(run: dict[str, Any]) -> None:
    write_index(run["indices"][0], 0, ["train"] * 3 + ["test"] * 4)
    with pytest.raises(InputError, match=r"trained on another train split.*may be known to it"):
        measure_mask_fidelity(**run)
    assert not run["output"].exists()
    assert not run["examples"].exists()


def test_a_generator_that_does_not_say_what_it_saw_is_refused(run: dict[str, Any]) -> None:
    save_spade(run["generator"], train_split=None)
    with pytest.raises(InputError, match="another train split"):
        measure_mask_fidelity(**run)


def test_the_split_of_a_patch_may_change_outside_the_train_split(run: dict[str, Any]) -> None:
    write_index(run["indices"][1], 1, ["test"] * 3 + ["train"] * 2)
    measure_mask_fidelity(**run | {"most_masks": 100})
    assert read_json(run["output"])["masks"] == 6


def test_models_that_do_not_fit(run: dict[str, Any], tmp_path: Path) -> None:
    save_spade(run["generator"], classes=["a", "b"])
    with pytest.raises(InputError, match="no conditional generator for the classes a, b, c"):
        measure_mask_fidelity(**run)
    save_spade(run["generator"])
    save_segmenter(run["segmenter"], {"real": True, "unconditional": 5})
    with pytest.raises(ConfigurationError, match="holds synthetic patches; judge by"):
        measure_mask_fidelity(**run)
    with pytest.raises(ConfigurationError, match="at least 2 samples a mask"):
        measure_mask_fidelity(**run | {"samples_per_mask": 1})
