"""The verb ``extract-features``: what a trained segmentation encoder sees in an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from groundsynth.device import Precision, autocast, select_device
from groundsynth.errors import InputError
from groundsynth.evaluation.feature_tables import write_features
from groundsynth.progress import Progress
from groundsynth.provenance import provenance
from groundsynth.segmentation.data import batches_in_order
from groundsynth.segmentation.models import Description, load_model
from groundsynth.segmentation.patch_sizes import check_patch_size
from groundsynth.segmentation.preprocessing import as_images, standardise
from groundsynth.shards import open_array
from groundsynth.tables import read_table


def extract_features(
    *,
    images: Path,
    index: Path,
    population: str,
    model: Path,
    batch: int,
    device: str,
    precision: Precision,
    output: Path,
) -> None:
    """Write the feature vector of every image of a shard.

    Reads images uint8 (N, H, W, 3) with their index and a trained segmentation model; writes the
    table ``features``: the last stage of the encoder, averaged over the image (paper, section on
    the distribution of the synthetic images).
    """
    place = select_device(device)
    network, about = load_model(model, place)
    pictures = open_array(images, dimensions=4)
    schema, key = (
        ("real_index", "patch_id") if population == "real" else ("synthetic_index", "sample_id")
    )
    ids = read_table(index, schema, [key])[key].to_pylist()
    if len(ids) != len(pictures):
        raise InputError(
            f"{images} has {len(pictures)} rows and {index} {len(ids)}; delete both and run the "
            "stage that writes them again."
        )
    with Progress("features", len(ids), "img") as progress:
        vectors = features_of(
            network,
            about,
            pictures,
            batch=batch,
            device=place,
            precision=precision,
            progress=progress,
        )
    parameters = {"model": about.title, "digest": about.digest, "precision": precision}
    record = provenance("extract-features", parameters, [images, index, model])
    write_features(output, population, ids, about.title, vectors, record)


def features_of(
    model: nn.Module,
    about: Description,
    images: np.ndarray,
    *,
    batch: int,
    device: torch.device,
    precision: str,
    progress: Progress | None = None,
) -> np.ndarray:
    """float32 [N, D] pooled features of the encoder's last stage, of uint8 [N, H, W, 3] images."""
    check_patch_size(about.architecture, images.shape[1])
    encoder: Any = model.get_submodule("encoder")
    found = [np.zeros((0, encoder.out_channels[-1]), np.float32)]
    for rows in batches_in_order(len(images), batch):
        with torch.inference_mode(), autocast(device, precision):
            x = standardise(as_images(images[rows], device), about.mean, about.std)
            pooled = encoder(x)[-1].float().mean((2, 3))
        found.append(pooled.cpu().numpy())
        if progress is not None:
            progress.advance(len(rows))
    return np.concatenate(found)
