"""Verbs sample-unconditional and sample-conditional: shards of synthetic images.

A sample depends on its seed (and its map) alone: the latent follows from the seed, the noise of
StyleGAN2 is the stored one, and every batch has the same size, the last one being filled up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from groundsynth.device import autocast, select_device
from groundsynth.errors import ConfigurationError, InputError
from groundsynth.gan.generator_files import load_generator
from groundsynth.gan.latents import latents, to_pixels
from groundsynth.gan.real_patches import TrainPatches
from groundsynth.gan.spade import one_hot
from groundsynth.landcover import Legend
from groundsynth.progress import Progress
from groundsynth.provenance import provenance
from groundsynth.shards import new_array
from groundsynth.tables import write_table

MAX_SEED = 2**32 - 1


def sample_unconditional(
    *,
    model: Path,
    first_seed: int,
    count: int,
    truncation: float,
    batch: int,
    device: str,
    precision: str,
    images: Path,
    index: Path,
) -> None:
    """Make ``count`` images of a StyleGAN generator, one for each seed from ``first_seed`` on.

    Reads ``model`` (safetensors) and the JSON description beside it. Writes ``images`` (uint8
    (N, R, R, 3) RGB) and the table ``index`` (sample_id ``unconditional-{seed:08d}``).
    ``truncation`` below 1 draws the styles towards their mean. Raises InputError when the model
    is not a StyleGAN.
    """
    where = select_device(device)
    generator, description = _load(model, "unconditional", where, precision)
    seeds = _seeds(first_seed, count)

    def synthesise(part: np.ndarray) -> torch.Tensor:
        z = latents(seeds[part], generator.z_dim).to(where)
        ws = generator.mapping(z, None, truncation_psi=truncation)
        made: torch.Tensor = generator.synthesis(
            ws, noise_mode="const", force_fp32=precision == "float32"
        )
        return made

    _write_images(images, count, description["resolution"], batch, synthesise)
    record = provenance(
        "sample-unconditional",
        {"first_seed": first_seed, "truncation": truncation, "precision": precision},
        [model],
    )
    _write_index(index, "unconditional", seeds, [None] * count, description["digest"], record)


def sample_conditional(
    *,
    model: Path,
    masks: list[Path],
    indices: list[Path],
    legend: dict[str, Any],
    rank_seed: int,
    first: int,
    count: int,
    seed: int,
    batch: int,
    device: str,
    precision: str,
    images: Path,
    index: Path,
    labels: Path,
    confidence: Path,
) -> None:
    """Make the samples number ``first`` to ``first + count - 1`` of a SPADE generator.

    Sample k takes the k-th patch of the train split in the order of a hash of ``rank_seed`` and
    patch_id, modulo their number, and the seed ``seed + k``: when every map has been used once,
    the next round makes other samples of the same maps. Patches of other splits are never read.
    Reads ``model`` (safetensors, JSON beside it) and the real shards' ``masks`` and ``indices``.
    Writes ``images`` (uint8 (N, R, R, 3)), the table ``index``, the conditioning maps as
    ``labels`` (uint8 (N, R, R)) and the table ``confidence`` (1 throughout). Raises InputError
    when model, legend and masks do not belong together.
    """
    where = select_device(device)
    generator, description = _load(model, "conditional", where, precision)
    names = Legend.from_json(legend).names
    patches = TrainPatches([], masks, indices, len(names))
    _require_fit(model, description, names, patches)
    order = ranked(patches.ids, rank_seed)
    positions = order[np.arange(first, first + count) % len(order)]
    seeds = _seeds(seed + first, count)

    def synthesise(part: np.ndarray) -> torch.Tensor:
        condition = torch.from_numpy(patches.masks_at(positions[part])).to(where)
        z = latents(seeds[part], generator.z_size).to(where)
        with autocast(where, precision):
            made: torch.Tensor = generator(one_hot(condition, len(names)), z)
        return made

    resolution = description["resolution"]
    _write_images(images, count, resolution, batch, synthesise)
    with new_array(labels, (count, resolution, resolution)) as array:
        for part in _parts(count, batch):
            array[part] = patches.masks_at(positions[part])
    parameters = {"rank_seed": rank_seed, "first": first, "seed": seed, "precision": precision}
    record = provenance("sample-conditional", parameters, [model, *masks, *indices])
    conditions = [patches.ids[position] for position in positions]
    ids = _write_index(index, "conditional", seeds, conditions, description["digest"], record)
    columns = {"population": ["conditional"] * count, "id": ids, "confidence": [1.0] * count}
    write_table(confidence, columns, "confidence", record)


def ranked(patch_ids: Sequence[str], rank_seed: int) -> np.ndarray:
    """Positions of ``patch_ids`` in the order of a hash of seed and id: the same whatever order
    the shards come in."""
    keys = [hashlib.sha256(f"{rank_seed}:{patch}".encode()).digest() for patch in patch_ids]
    return np.asarray(sorted(range(len(keys)), key=keys.__getitem__), np.int64)


def _load(
    model: Path, population: str, device: torch.device, precision: str
) -> tuple[Any, dict[str, Any]]:
    """Generator and description; InputError when it makes another population."""
    generator, description = load_generator(model, device, precision)
    if description["population"] != population:
        raise InputError(
            f"{model} is a generator of {description['population']} samples; give the "
            f"{population} one."
        )
    return generator, description


def _require_fit(
    model: Path, description: Mapping[str, Any], names: Sequence[str], patches: TrainPatches
) -> None:
    if description["classes"] != list(names):
        raise InputError(
            f"{model} was trained with the classes {', '.join(description['classes'])}, the legend "
            f"has {', '.join(names)}; train it again with this legend."
        )
    if description["resolution"] != patches.resolution:
        raise InputError(
            f"{model} makes images of {description['resolution']} px, the masks have "
            f"{patches.resolution} px; train it again on these patches."
        )


def _seeds(first: int, count: int) -> np.ndarray:
    """Consecutive seeds; ConfigurationError outside the range that the latents take."""
    if first < 0 or first + count - 1 > MAX_SEED:
        raise ConfigurationError(
            f"The seeds {first} to {first + count - 1} do not lie in 0 to {MAX_SEED}; choose a "
            "lower first seed."
        )
    return np.arange(first, first + count)


def _parts(count: int, batch: int) -> Iterator[np.ndarray]:
    """Sample numbers 0 to ``count`` - 1 in batches; the last may be smaller."""
    for start in range(0, count, batch):
        yield np.arange(start, min(start + batch, count))


def _write_images(
    path: Path,
    count: int,
    resolution: int,
    batch: int,
    synthesise: Callable[[np.ndarray], torch.Tensor],
) -> None:
    """Stream the images of all samples into ``path``; every batch has ``batch`` samples.

    A short last batch is filled up with its first sample, because the sums of a convolution
    may be ordered by the size of the batch.
    """
    shape = (count, resolution, resolution, 3)
    with new_array(path, shape) as array, Progress("sampling", count, "img") as progress:
        for part in _parts(count, batch):
            filled = np.concatenate([part, np.repeat(part[:1], batch - len(part))])
            with torch.no_grad():
                array[part] = to_pixels(synthesise(filled))[: len(part)]
            progress.advance(len(part))


def _write_index(
    path: Path,
    population: str,
    seeds: np.ndarray,
    conditions: Sequence[str | None],
    digest: str,
    record: Mapping[str, Any],
) -> list[str]:
    """Write the index table; returns the sample ids."""
    ids = [f"{population}-{seed:08d}" for seed in seeds]
    columns = {
        "sample_id": ids,
        "population": [population] * len(ids),
        "seed": seeds.tolist(),
        "condition_patch_id": list(conditions),
        "model_digest": [digest] * len(ids),
    }
    write_table(path, columns, "synthetic_index", record)
    return ids
