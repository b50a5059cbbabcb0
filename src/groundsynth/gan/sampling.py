"""Verbs sample-unconditional and sample-conditional: shards of synthetic images.

A sample depends on its seed (and its map) alone: the latent follows from the seed, the noise of
StyleGAN2 is the stored one, and every batch has the same size, the last one being filled up. A
killed job goes on from the images that it had saved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from groundsynth.device import autocast, select_device
from groundsynth.errors import ConfigurationError, InputError
from groundsynth.gan.generator_files import load_generator
from groundsynth.gan.growing_shard import ShardJob, write_shard
from groundsynth.gan.latents import latents, to_pixels
from groundsynth.gan.real_patches import TrainPatches
from groundsynth.gan.spade import one_hot
from groundsynth.landcover import Legend
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
    state: Path,
    keep_state: bool,
    images: Path,
    index: Path,
) -> None:
    """Make ``count`` images of a StyleGAN generator, one for each seed from ``first_seed`` on.

    Reads ``model`` (safetensors) and the JSON description beside it. Writes ``images`` (uint8
    (N, R, R, 3) RGB) and the table ``index`` (sample_id ``unconditional-{seed:08d}``).
    ``truncation`` below 1 draws the styles towards their mean. Images grow in the folder
    ``state``, from which a killed job goes on. Raises InputError when the model is not a StyleGAN.
    """
    where = select_device(device)
    generator, description = _load(model, "unconditional", where, precision)
    seeds = _seeds(first_seed, count)

    parameters = {"first_seed": first_seed, "truncation": truncation, "precision": precision}

    @torch.inference_mode()
    def synthesise(part: np.ndarray) -> np.ndarray:
        z = latents(seeds[part], generator.z_dim).to(where)
        ws = generator.mapping(z, None, truncation_psi=truncation)
        exact = precision == "float32"
        return to_pixels(generator.synthesis(ws, noise_mode="const", force_fp32=exact))

    def write_rest() -> None:
        record = provenance("sample-unconditional", parameters, [model])
        _write_index(index, "unconditional", seeds, [None] * count, description["digest"], record)

    job = ShardJob(
        shape=(count, *[description["resolution"]] * 2, 3),
        batch=batch,
        parameters={**parameters, "device": where.type},
        inputs=[model],
        state=state,
        keep_state=keep_state,
        images=images,
        others=[index],
    )
    write_shard(job, synthesise, write_rest)


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
    state: Path,
    keep_state: bool,
    images: Path,
    index: Path,
    labels: Path,
    confidence: Path,
) -> None:
    """Make the samples number ``first`` to ``first + count - 1`` of a SPADE generator.

    Sample k takes the k-th patch of the train split in the order of a hash of ``rank_seed`` and
    patch_id, modulo their number, and the seed ``seed + k``: when every map has been used once,
    the next round makes other samples of the same maps. k counts on over rounds and shards, so no
    latent occurs twice in a population: samples of one map never share theirs, nor do samples of
    different maps, and latents of neighbouring seeds are as uncorrelated as any. Two populations
    whose ``seed`` differs by less than their samples share latents, on other maps. Patches of
    other splits are never read.
    Reads ``model`` (safetensors, JSON beside it) and the real shards' ``masks`` and ``indices``.
    Writes ``images`` (uint8 (N, R, R, 3)), the table ``index``, the conditioning maps as
    ``labels`` (uint8 (N, R, R)) and the table ``confidence`` (1 throughout). Images grow in the
    folder ``state``, from which a killed job goes on. Raises InputError when model, legend, masks
    and indices do not belong together, or no patch is in the train split.
    """
    where = select_device(device)
    generator, description = _load(model, "conditional", where, precision)
    names = Legend.from_json(legend).names
    _require_pairs(masks, indices)
    patches = TrainPatches([], masks, indices, len(names))
    _require_fit(model, description, names, patches)
    order = ranked(patches.ids, rank_seed)
    positions = order[np.arange(first, first + count) % len(order)]
    seeds = _seeds(seed + first, count)
    parameters = {"rank_seed": rank_seed, "first": first, "seed": seed, "precision": precision}
    inputs = [model, *masks, *indices]

    @torch.inference_mode()
    def synthesise(part: np.ndarray) -> np.ndarray:
        condition = torch.from_numpy(patches.masks_at(positions[part])).to(where)
        z = latents(seeds[part], generator.z_size).to(where)
        with autocast(where, precision):
            return to_pixels(generator(one_hot(condition, len(names)), z))

    def write_rest() -> None:
        with new_array(labels, (count, *[patches.resolution] * 2)) as array:
            for part in _parts(count, batch):
                array[part] = patches.masks_at(positions[part])
        record = provenance("sample-conditional", parameters, inputs)
        conditions = [patches.ids[position] for position in positions]
        ids = _write_index(index, "conditional", seeds, conditions, description["digest"], record)
        columns = {"population": ["conditional"] * count, "id": ids, "confidence": [1.0] * count}
        write_table(confidence, columns, "confidence", record)

    job = ShardJob(
        shape=(count, *[description["resolution"]] * 2, 3),
        batch=batch,
        parameters={**parameters, "legend": list(names), "device": where.type},
        inputs=inputs,
        state=state,
        keep_state=keep_state,
        images=images,
        others=[index, labels, confidence],
    )
    write_shard(job, synthesise, write_rest)


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


def _require_pairs(masks: Sequence[Path], indices: Sequence[Path]) -> None:
    """Each index is that of the masks at its place: the splits of another shard would let masks
    of the test split in. Files of one shard have one name (``{shard}.masks.npy``)."""
    names = [path.name.removesuffix(".masks.npy") for path in masks]
    others = [path.name.removesuffix(".index.parquet") for path in indices]
    if names != others:
        raise InputError(
            f"The masks of the shards {', '.join(names)} cannot go with the indices of "
            f"{', '.join(others)}; give both of the same shards, in the same order."
        )


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
