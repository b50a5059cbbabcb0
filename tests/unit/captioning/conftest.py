"""Small shards to caption: maps of smooth noise with rivers, gaps and uniform scenes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from groundsynth.composition.shares import compute_composition
from groundsynth.shards import write_array
from groundsynth.tables import write_table

SEVEN = ["tree", "shrub", "grass", "crop", "built-up", "barren", "water"]
HOSTILE = ['corn "field"; x', "a.b\nc", "naïve, 100% {tree}", "<b>' -- rm", "Water"]


@dataclass(frozen=True)
class Shard:
    """Files of a shard of the population ``unconditional``."""

    masks: Path
    images: Path
    index: Path
    composition: Path
    legend: dict[str, Any]
    ids: list[str]


def noise_map(seed: int, size: int = 48, classes: int = 7) -> np.ndarray:
    """uint8 [size, size]: regions of smooth noise; some with gaps, some of one class."""
    generator = np.random.default_rng(seed)
    sigma = generator.choice([2, 5, 12])
    fields = np.stack(
        [
            ndimage.gaussian_filter(generator.normal(size=(size, size)), sigma)
            for _ in range(classes)
        ]
    )
    fields /= fields.std(axis=(1, 2), keepdims=True)
    prior = generator.normal(0, generator.choice([0.3, 1.5]), classes)
    mask = (fields + prior[:, None, None]).argmax(axis=0).astype(np.uint8)
    if seed % 3 == 0:
        rows = (size * (0.5 + 0.3 * np.sin(np.arange(size) / 9 + seed))).astype(int)
        mask[rows, np.arange(size)] = mask[rows - 1, np.arange(size)] = classes - 1
    if seed % 11 == 0:
        mask[: size // 4] = 255
    if seed % 13 == 0:
        mask[:] = seed % classes
    return mask


def legend_of(names: Sequence[str]) -> dict[str, Any]:
    """A configuration's legend with these class names."""
    classes = [{"name": n, "codes": [i + 1], "color": [i, i, i]} for i, n in enumerate(names)]
    return {"no_data": [0], "classes": classes}


@pytest.fixture
def make_shard(tmp_path: Path) -> Callable[..., Shard]:
    """Write masks, images, index and composition of a shard."""

    def make(masks: np.ndarray, names: Sequence[str] = SEVEN) -> Shard:
        ids = [f"unconditional-{seed:08d}" for seed in range(len(masks))]
        shard = Shard(
            masks=tmp_path / "0.masks.npy",
            images=tmp_path / "0.images.npy",
            index=tmp_path / "0.index.parquet",
            composition=tmp_path / "0.composition.parquet",
            legend=legend_of(names),
            ids=ids,
        )
        write_array(shard.masks, masks)
        write_array(shard.images, np.repeat(masks[..., None], 3, axis=-1))
        columns = {
            "sample_id": ids,
            "population": ["unconditional"] * len(ids),
            "seed": list(range(len(ids))),
            "condition_patch_id": [None] * len(ids),
            "model_digest": ["d"] * len(ids),
        }
        write_table(shard.index, columns, "synthetic_index", {})
        compute_composition(
            masks=shard.masks,
            index=shard.index,
            population="unconditional",
            mask_source="predicted",
            legend=shard.legend,
            output=shard.composition,
        )
        return shard

    return make


@pytest.fixture(scope="session")
def noise_maps() -> Callable[..., np.ndarray]:
    """Many maps: uint8 [count, size, size]."""

    def make(count: int, size: int = 48, classes: int = 7) -> np.ndarray:
        return np.stack([noise_map(seed, size, classes) for seed in range(count)])

    return make
