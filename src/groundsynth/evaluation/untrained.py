"""Samples of a generator before its training: what a Fréchet distance has to be compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from groundsynth.device import autocast
from groundsynth.errors import InputError
from groundsynth.gan.generator_files import (
    build_generator,
    describe_generator,
    keywords_for,
)
from groundsynth.gan.latents import latents, to_pixels
from groundsynth.gan.spade import one_hot
from groundsynth.segmentation.data import batches_in_order
from groundsynth.shards import JoinedArrays
from groundsynth.tables import read_table


class TrainMasks:
    """Masks uint8 (N, H, W) of the real train split, over all shards."""

    def __init__(self, masks: Sequence[Path], indices: Sequence[Path]) -> None:
        self.shards = JoinedArrays(masks)
        tables = [read_table(path, "real_index", ["split"]) for path in indices]
        splits = [split for table in tables for split in table["split"].to_pylist()]
        if len(splits) != len(self.shards):
            raise InputError(
                f"The masks have {len(self.shards)} rows and their indices {len(splits)}; delete "
                "both and cut the patches again."
            )
        self.rows = np.flatnonzero(np.asarray(splits) == "train")

    def take(self, positions: np.ndarray) -> np.ndarray:
        """Masks at ``positions`` modulo their number."""
        return self.shards.gather(self.rows[positions % len(self.rows)])


def untrained_samples(
    generator: Path,
    *,
    masks: TrainMasks,
    classes: int,
    seed: int,
    count: int,
    batch: int,
    device: torch.device,
    precision: str,
) -> Iterator[np.ndarray]:
    """Batches uint8 [B, H, W, 3] of ``count`` samples of the generator as it was at its start.

    The weights are those that the seed and the constructor keywords beside ``generator`` give;
    latents are those of the seeds ``seed``, ``seed`` + 1, ...; a conditional generator takes one
    real train mask a sample.
    """
    about = describe_generator(generator)
    torch.manual_seed(about["seed"])
    keywords = keywords_for(about, precision)
    network: Any = build_generator(about["architecture"], keywords).to(device).eval()
    conditional = about["architecture"] == "spade"
    size = network.z_size if conditional else network.z_dim
    for rows in batches_in_order(count, batch):
        z = latents((seed + rows) % 2**32, size).to(device)
        with torch.inference_mode(), autocast(device, precision if conditional else "float32"):
            if conditional:
                maps = torch.from_numpy(masks.take(rows)).to(device)
                images = network(one_hot(maps, classes), z if size else None)
            else:
                fp32 = precision == "float32"
                images = network(z, None, noise_mode="const", force_fp32=fp32)
        yield to_pixels(images)
