"""The verb ``label-unconditional``: masks of generated images, predicted by a real-only model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from groundsynth.device import Precision, autocast, select_device
from groundsynth.errors import ConfigurationError, InputError
from groundsynth.progress import Progress
from groundsynth.provenance import provenance
from groundsynth.segmentation.data import batches_in_order
from groundsynth.segmentation.models import Description, load_model
from groundsynth.segmentation.patch_sizes import check_patch_size
from groundsynth.segmentation.preprocessing import (
    as_images,
    flip_last,
    flip_rows,
    standardise,
    transpose,
)
from groundsynth.shards import new_array, open_array
from groundsynth.tables import read_table, write_table

POPULATION = "unconditional"
SYMMETRIES = (flip_last, flip_rows, transpose)
"""What ``flips`` averages over beside the patch as it is; each undoes itself."""


def label_unconditional(
    *,
    model: Path,
    images: Path,
    index: Path,
    batch: int,
    device: str,
    precision: Precision,
    flips: bool = False,
    masks: Path,
    confidence: Path,
) -> None:
    """Predict the masks of a shard of unconditional samples with a model trained on real data.

    Reads images uint8 (N, H, W, 3) and their index; writes ``masks`` uint8 (N, H, W), every
    pixel a class, and ``confidence``: the mean over each sample's pixels of the largest class
    probability. With ``flips`` both come from the mean probabilities over the patch, its two
    mirror images and its transpose. Raises ConfigurationError for a model that has seen
    synthetic patches: its labels would be taught by themselves.
    """
    place = select_device(device)
    network, about = load_model(model, place)
    _require_real_only(model, about)
    pictures = open_array(images, dimensions=4)
    ids = read_table(index, "synthetic_index", ["sample_id"])["sample_id"].to_pylist()
    if len(ids) != len(pictures):
        raise InputError(
            f"{images} has {len(pictures)} rows and {index} {len(ids)}; delete both and sample "
            "again."
        )
    check_patch_size(about.architecture, pictures.shape[1])
    certain = np.zeros(len(ids), np.float32)
    with (
        Progress("labels", len(ids), "img") as progress,
        new_array(masks, pictures.shape[:3]) as labels,
    ):
        for rows in batches_in_order(len(ids), batch):
            labels[rows], certain[rows] = predict(
                network, about, pictures[rows], device=place, precision=precision, flips=flips
            )
            progress.advance(len(rows))
    columns = {"population": [POPULATION] * len(ids), "id": ids, "confidence": certain}
    parameters = {"model": about.title, "precision": precision, "flips": flips}
    record = provenance("label-unconditional", parameters, [model, images, index])
    write_table(confidence, columns, "confidence", record)


def predict(
    model: nn.Module,
    about: Description,
    images: np.ndarray,
    *,
    device: torch.device,
    precision: str,
    flips: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Class indices uint8 [N, H, W] and mean confidence float32 [N] of uint8 [N, H, W, 3].

    With ``flips`` the class probabilities are the mean over the patch and its SYMMETRIES.
    """

    def probabilities(inputs: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(), autocast(device, precision):
            logits = model(standardise(inputs, about.mean, about.std))
        return torch.softmax(logits.float(), 1)

    pictures = as_images(images, device)
    shares = probabilities(pictures)
    if flips:
        turned = [operation(probabilities(operation(pictures))) for operation in SYMMETRIES]
        shares = (shares + sum(turned)) / (1 + len(SYMMETRIES))
    largest, classes = shares.max(1)
    confidence = largest.mean((1, 2))
    return classes.to(torch.uint8).cpu().numpy(), confidence.cpu().numpy()


def _require_real_only(path: Path, about: Description) -> None:
    if not about.trained_on.real_only:
        raise ConfigurationError(
            f"{path} was trained on the mix {about.mix!r}, which holds synthetic patches; label "
            "with a model of a mix of real patches only (segmentation.labeller)."
        )
