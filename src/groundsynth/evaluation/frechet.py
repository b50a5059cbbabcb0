"""The verb ``measure-frechet``: how far a synthetic population lies from the real one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from groundsynth.device import Precision, select_device
from groundsynth.errors import InputError
from groundsynth.evaluation.feature_tables import feature_model, read_features
from groundsynth.evaluation.features import features_of
from groundsynth.evaluation.moments import Moments, distance
from groundsynth.evaluation.untrained import TrainMasks, untrained_samples
from groundsynth.files import write_json
from groundsynth.gan.generator_files import describe_generator
from groundsynth.landcover import Legend
from groundsynth.progress import Progress
from groundsynth.provenance import provenance
from groundsynth.segmentation.models import Description, load_model
from groundsynth.tables import read_table


def frechet_distance(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """Fréchet distance of two sets of feature vectors [N, D] and [M, D], computed in float64.

    Works with fewer vectors than dimensions; each set needs at least 2. Raises InputError when
    the sets cannot be compared. Source: Heusel et al. 2017; the paper's FID has Inception
    features, ours are those of a segmentation encoder trained on the run's own patches.
    """
    return distance(Moments.of(np.asarray(features_a)), Moments.of(np.asarray(features_b)))


def measure_frechet(
    *,
    real: list[Path],
    real_indices: list[Path],
    synthetic: list[Path],
    population: str,
    generator: Path,
    segmenter: Path,
    masks: list[Path],
    baseline_samples: int,
    seed: int,
    batch: int,
    device: str,
    precision: Precision,
    legend: dict[str, Any],
    output: Path,
) -> None:
    """Measure a population's Fréchet distance to the real train split, with two comparisons.

    Reads feature tables of the real and of the synthetic shards, the real indices and masks, the
    generator's description and the segmentation model that made the features. Writes JSON:
    ``distance``; ``untrained_distance``, that of ``baseline_samples`` samples of the same
    generator before training; ``ratio`` of the two; ``floor``, the distance of the real test
    split (None with fewer than 2 patches); ``counts``; the feature model and its digest.
    """
    place = select_device(device)
    network, about = load_model(segmenter, place)
    made_by = feature_model([*real, *synthetic])
    if made_by != about.title:
        raise InputError(
            f"The features were made by {made_by}, not by {about.title} in {segmenter}; extract "
            "them again."
        )
    vectors = untrained_features(
        network,
        about,
        untrained_samples(
            generator,
            masks=TrainMasks(masks, real_indices),
            classes=len(Legend.from_json(legend)),
            seed=seed,
            count=baseline_samples,
            batch=batch,
            device=place,
            precision=precision,
        ),
        total=baseline_samples,
        device=place,
        precision=precision,
    )
    parameters = {"seed": seed, "baseline_samples": baseline_samples, "precision": precision}
    inputs = [*real, *real_indices, *synthetic, *masks, generator, segmenter]
    record = {
        "population": population,
        **compare(
            train=Moments.of_parts(real_features(real, real_indices, "train"), "train patches"),
            test=Moments.of_parts(real_features(real, real_indices, "test"), "test patches"),
            samples=Moments.of_parts((read_features(p)[2] for p in synthetic), population),
            untrained=Moments.of_parts(vectors, "untrained samples"),
        ),
        "feature_model": about.title,
        "feature_model_digest": about.digest,
        "generator_digest": describe_generator(generator)["digest"],
        "provenance": provenance("measure-frechet", parameters, inputs),
    }
    write_json(output, record)


def compare(
    *, train: Moments, test: Moments, samples: Moments, untrained: Moments
) -> dict[str, Any]:
    """Distances to the real train split, their ratio, and the numbers of vectors behind them."""
    found, start = distance(samples, train), distance(untrained, train)
    return {
        "distance": found,
        "untrained_distance": start,
        "ratio": found / start if start > 0 else None,
        "floor": distance(test, train) if test.count > 1 else None,
        "counts": {
            "real_train": train.count,
            "real_test": test.count,
            "synthetic": samples.count,
            "untrained": untrained.count,
        },
        "dimensions": len(train.mean),
    }


def untrained_features(
    model: nn.Module,
    about: Description,
    samples: Iterable[np.ndarray],
    *,
    total: int,
    device: torch.device,
    precision: str,
) -> Iterator[np.ndarray]:
    """float32 [B, D] features of each batch of ``samples`` uint8 [B, H, W, 3]."""
    with Progress("untrained samples", total, "img") as progress:
        for images in samples:
            yield features_of(
                model, about, images, batch=len(images), device=device, precision=precision
            )
            progress.advance(len(images))


def real_features(
    features: Sequence[Path], indices: Sequence[Path], split: str
) -> Iterator[np.ndarray]:
    """float32 [N, D] real features of one split, shard by shard, joined with the indices by id.

    Raises InputError when a feature's patch is in no index.
    """
    splits: dict[str, str] = {}
    for path in indices:
        table = read_table(path, "real_index", ["patch_id", "split"])
        splits.update(zip(table["patch_id"].to_pylist(), table["split"].to_pylist(), strict=True))
    for path in features:
        _, ids, vectors = read_features(path)
        unknown = next((name for name in ids if name not in splits), None)
        if unknown is not None:
            raise InputError(
                f"{path} has the patch {unknown}, which no index lists; extract the features again."
            )
        yield vectors[np.array([splits[name] == split for name in ids], bool)]
