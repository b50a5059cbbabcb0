"""The verb ``measure-distances``: how far a synthetic population lies from the real one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from groundsynth.device import Precision, select_device
from groundsynth.errors import InputError
from groundsynth.evaluation.extractors import Extractor, ExtractorName, load_extractor
from groundsynth.evaluation.feature_sets import FeatureSet, Part, first_parts, real_parts
from groundsynth.evaluation.feature_tables import feature_model
from groundsynth.evaluation.kernel_distance import kernel_distance
from groundsynth.evaluation.manifolds import manifold_scores
from groundsynth.evaluation.moments import distance
from groundsynth.evaluation.untrained import TrainMasks, untrained_samples
from groundsynth.files import write_json
from groundsynth.gan.generator_files import describe_generator
from groundsynth.landcover import Legend
from groundsynth.progress import Progress
from groundsynth.provenance import provenance


@dataclass(frozen=True)
class Settings:
    """How sets are compared."""

    kernel_subsets: int
    kernel_subset_size: int
    neighbours: int
    manifold_samples: int
    """Most vectors of each set for the kernel distance and the manifold scores."""
    seed: int


def measure_distances(
    *,
    real: list[Path],
    real_indices: list[Path],
    masks: list[Path],
    synthetic: list[Path],
    population: str,
    generator: Path,
    extractor: ExtractorName,
    weights: Path,
    network: str | None,
    sha256: str | None,
    distance_samples: int,
    baseline_samples: int,
    manifold_samples: int,
    neighbours: int,
    kernel_subsets: int,
    kernel_subset_size: int,
    seed: int,
    batch: int,
    device: str,
    precision: Precision,
    legend: dict[str, Any],
    output: Path,
) -> None:
    """Measure a population's distances to the real train split in one extractor's features.

    Reads feature tables of the real and the synthetic shards, the real indices and masks, the
    generator's description and the extractor's weights (``network``, ``sha256``: as in
    ``load_extractor``). Compared with the real train split are the first ``distance_samples``
    samples by seed, ``untrained``: ``baseline_samples`` samples of the same generator before its
    training, and ``floor``: the real test split (None with fewer than 2 patches). Writes JSON:
    for each the Fréchet ``distance``, the ``kernel_distance`` with its deviation, precision,
    recall, density and coverage; ``ratio`` of the Fréchet distance to the untrained one;
    ``counts`` of all vectors and ``chosen`` ones of each set; the extractor with digest, resizing
    and dimensions; the settings.
    """
    settings = Settings(kernel_subsets, kernel_subset_size, neighbours, manifold_samples, seed)
    place = select_device(device)
    encoder = load_extractor(
        extractor, weights, network=network, sha256=sha256, device=place, precision=precision
    )
    require_same_model([*real, *synthetic], encoder, weights)
    started = untrained_samples(
        generator,
        masks=TrainMasks(masks, real_indices),
        classes=len(Legend.from_json(legend)),
        seed=seed,
        count=baseline_samples,
        batch=batch,
        device=place,
        precision=precision,
    )
    parts = {
        "real_train": real_parts(real, real_indices, "train"),
        "real_test": real_parts(real, real_indices, "test"),
        "synthetic": first_parts(synthetic, distance_samples),
        "untrained": untrained_parts(encoder, started, baseline_samples),
    }
    sets = {
        name: FeatureSet.of_parts(found, name.replace("_", " "), manifold_samples, seed)
        for name, found in parts.items()
    }
    parameters = {
        **asdict(settings),
        "distance_samples": distance_samples,
        "baseline_samples": baseline_samples,
        "precision": precision,
    }
    inputs = [*real, *real_indices, *synthetic, *masks, generator, weights]
    record = {
        "population": population,
        **encoder.description,
        **compare(sets, settings),
        "generator_digest": describe_generator(generator)["digest"],
        "provenance": provenance("measure-distances", parameters, inputs),
    }
    write_json(output, record)


def compare(sets: dict[str, FeatureSet], settings: Settings) -> dict[str, Any]:
    """Measures of the samples, of the untrained generator's and of the real test split."""
    train = sets["real_train"]
    found = measures(sets["synthetic"], train, settings)
    start = measures(sets["untrained"], train, settings)
    floor = measures(sets["real_test"], train, settings) if sets["real_test"].count > 1 else None
    return {
        **found,
        "ratio": found["distance"] / start["distance"] if start["distance"] > 0 else None,
        "untrained": start,
        "floor": floor,
        "counts": {name: found.count for name, found in sets.items()},
        "chosen": {name: len(found.chosen) for name, found in sets.items()},
        "settings": asdict(settings),
    }


def measures(samples: FeatureSet, train: FeatureSet, settings: Settings) -> dict[str, Any]:
    """All measures of one set against the real train split."""
    kernel, deviation = kernel_distance(
        samples.chosen,
        train.chosen,
        subsets=settings.kernel_subsets,
        subset_size=settings.kernel_subset_size,
        seed=settings.seed,
    )
    return {
        "distance": distance(samples.moments, train.moments),
        "kernel_distance": kernel,
        "kernel_deviation": deviation,
        **manifold_scores(train.chosen, samples.chosen, settings.neighbours),
    }


def require_same_model(features: list[Path], encoder: Extractor, weights: Path) -> None:
    """InputError when the tables were not made by the extractor with these weights."""
    made_by = feature_model(features)
    if made_by != encoder.title:
        raise InputError(
            f"The features were made by {made_by}, not by {encoder.title} in {weights}; extract "
            "them again."
        )


def untrained_parts(
    encoder: Extractor, samples: Iterable[np.ndarray], total: int
) -> Iterator[Part]:
    """Features of each batch of ``samples`` uint8 [B, H, W, 3]; the ids are their numbers."""
    done = 0
    with Progress("untrained samples", total, "img") as progress:
        for images in samples:
            ids = [f"untrained-{done + n:08d}" for n in range(len(images))]
            yield ids, encoder.vectors(images, len(images))
            done += len(images)
            progress.advance(len(images))
