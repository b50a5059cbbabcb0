"""The verb ``measure-mask-fidelity``: does a conditional generator obey maps it has never seen?

The samples are for measuring only: they are counted and forgotten, and never enter a population.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from groundsynth.device import Precision, autocast, select_device
from groundsynth.errors import ConfigurationError, InputError
from groundsynth.evaluation.moments import Moments, distance
from groundsynth.files import write_json
from groundsynth.gan.generator_files import load_generator
from groundsynth.gan.latents import latents, to_pixels
from groundsynth.gan.spade import one_hot
from groundsynth.landcover import Legend
from groundsynth.progress import Progress
from groundsynth.provenance import provenance
from groundsynth.segmentation.data import Patches, batches_in_order, read_batches
from groundsynth.segmentation.metrics import scores
from groundsynth.shards import write_array
from groundsynth.studies.diversity import feature_distances, pixel_distances
from groundsynth.studies.held_out import chosen, open_splits
from groundsynth.studies.judge import Judge
from groundsynth.studies.train_moments import train_moments

Synthesise = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Images uint8 [B, H, W, 3] for masks uint8 [B, H, W] and seeds [B]."""


def measure_mask_fidelity(
    *,
    generator: Path,
    images: list[Path],
    masks: list[Path],
    indices: list[Path],
    features: list[Path],
    segmenter: Path,
    legend: dict[str, Any],
    most_masks: int,
    samples_per_mask: int,
    shown: int,
    seed: int,
    batch: int,
    device: str,
    precision: Precision,
    output: Path,
    examples: Path,
) -> None:
    """Measure a conditional generator on maps of the test split.

    Reads the ``generator`` (safetensors, description beside it), the real shards and a
    segmentation model that was trained on real patches alone and not used in the generator's
    training, with its ``features`` of the real shards. At most ``most_masks`` test patches, by a
    hash of ``seed`` and id, give ``samples_per_mask`` samples each. Writes JSON ``output``: mean
    IoU and that of each class of the segmenter on the samples against their maps, and on the real
    images of these maps; Fréchet distances of the samples to these real images and to the train
    split; mean distance between samples of one map in features and in grey levels; counts, models
    and digests. ``examples``: the first samples of the first ``shown`` maps, uint8
    (shown, H, W, 3).
    Raises InputError when the generator may have seen a test patch.
    """
    if samples_per_mask < 2:
        raise ConfigurationError("Diversity needs at least 2 samples a mask; ask for more.")
    place = select_device(device)
    network, description = load_generator(generator, place, precision)
    names = Legend.from_json(legend).names
    if description["architecture"] != "spade" or description["classes"] != list(names):
        raise InputError(
            f"{generator} is no conditional generator for the classes {', '.join(names)}; train "
            "one with this legend."
        )
    judge = Judge.load(segmenter, batch, place, precision)
    test, train = open_splits(images, masks, indices, generator, description)
    trained_on = train_moments(features, indices, judge.extractor.digest, len(train))
    held_out = chosen(test, most_masks, seed)
    synthesise = synthesiser(network, len(names), place, precision)
    found = compare_samples(judge, held_out, synthesise, len(names), samples_per_mask, shown)
    sampled, real = Moments.of(found.stacked()), Moments.of(np.concatenate(found.real_vectors))
    inputs = [generator, *images, *masks, *indices, *features, segmenter]
    parameters = {"most_masks": most_masks, "samples_per_mask": samples_per_mask, "seed": seed}
    record = {
        "discriminator": description["discriminator"],
        "images": description["images"],
        "masks": len(held_out),
        "samples": len(held_out) * samples_per_mask,
        "train_patches": len(train),
        **mask_scores(found.confusion, names),
        "real": mask_scores(found.real_confusion, names),
        "distance_test": distance(sampled, real),
        "distance_train": distance(sampled, trained_on),
        "real_distance_train": distance(real, trained_on),
        "feature_diversity": float(np.concatenate(found.feature_diversity).mean()),
        "pixel_diversity": float(np.concatenate(found.pixel_diversity).mean()),
        "segmenter": judge.about.title,
        "segmenter_digest": judge.about.digest,
        "generator_digest": description["digest"],
        "shown": held_out.ids[: len(found.examples)],
        "provenance": provenance("measure-mask-fidelity", parameters, inputs),
    }
    write_array(examples, np.stack(found.examples))
    write_json(output, record)


@dataclass
class Found:
    """What the samples of all maps gave."""

    confusion: np.ndarray
    real_confusion: np.ndarray
    vectors: list[np.ndarray] = field(default_factory=list)
    """[S, B, D] of each batch of maps."""
    real_vectors: list[np.ndarray] = field(default_factory=list)
    feature_diversity: list[np.ndarray] = field(default_factory=list)
    pixel_diversity: list[np.ndarray] = field(default_factory=list)
    examples: list[np.ndarray] = field(default_factory=list)

    def stacked(self) -> np.ndarray:
        """The vectors of all samples [N, D]."""
        return np.concatenate([part.reshape(-1, part.shape[-1]) for part in self.vectors])


def compare_samples(
    judge: Judge,
    held_out: Patches,
    synthesise: Synthesise,
    classes: int,
    samples: int,
    shown: int,
) -> Found:
    """Sample every map ``samples`` times, judge the samples, and the real images beside them.

    Sample s of map number k has the seed s * (number of maps) + k.
    """
    none = np.zeros((classes, classes), np.int64)
    found = Found(none, none.copy())
    numbers = list(batches_in_order(len(held_out), judge.batch))
    with Progress("held-out maps", len(held_out), "map") as progress:
        for rows, (real, masks) in _read(held_out, numbers, classes):
            made = np.stack([synthesise(masks, s * len(held_out) + rows) for s in range(samples)])
            for images in made:
                found.confusion += judge.confusion(images, masks, classes)
            found.real_confusion += judge.confusion(real, masks, classes)
            found.real_vectors.append(judge.features(real))
            found.vectors.append(np.stack([judge.features(images) for images in made]))
            found.feature_diversity.append(feature_distances(found.vectors[-1]))
            found.pixel_diversity.append(pixel_distances(made))
            found.examples += list(made[0][: max(0, shown - len(found.examples))])
            progress.advance(len(rows))
    return found


def _read(
    patches: Patches, numbers: list[np.ndarray], classes: int
) -> Iterable[tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]]:
    return zip(numbers, read_batches(patches, numbers, classes), strict=True)


def synthesiser(network: Any, classes: int, device: torch.device, precision: str) -> Synthesise:
    """Function that draws the images of a loaded conditional generator."""

    def synthesise(masks: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        condition = one_hot(torch.from_numpy(masks).to(device), classes)
        z = latents(seeds, network.z_size).to(device)
        with torch.inference_mode(), autocast(device, precision):
            return to_pixels(network(condition, z))

    return synthesise


def mask_scores(confusion: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    """Mean IoU, IoU of each class (None for one that does not occur) and accuracy, as fractions."""
    found = scores(confusion)
    by_class = dict(zip(names, found["per_class"]["iou"], strict=True))
    return {"miou": found["iou"], "iou": by_class, "accuracy": found["accuracy"]}
