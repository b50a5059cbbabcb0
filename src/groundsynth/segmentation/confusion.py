"""Confusion counts of a model on patches: one K x K matrix a patch, counted on the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import nn

from groundsynth.device import autocast
from groundsynth.landcover import UNLABELLED
from groundsynth.parts import WHOLE, Part
from groundsynth.segmentation.data import Patches, batches_in_order, read_batches
from groundsynth.segmentation.preprocessing import as_images, as_masks, standardise
from groundsynth.tables import write_table


def count_confusion(prediction: torch.Tensor, truth: torch.Tensor, classes: int) -> torch.Tensor:
    """int64 [N, K, K] pixel counts, rows truth, of two int64 [N, H, W] maps.

    Pixels whose truth is 255 (unlabelled) count nowhere.
    """
    count = len(truth)
    patch = torch.arange(count, device=truth.device).view(-1, 1, 1)
    cell = (patch * classes + truth) * classes + prediction
    surplus = count * classes * classes
    cell = torch.where(truth == UNLABELLED, surplus, cell)
    counts = torch.bincount(cell.flatten(), minlength=surplus + 1)[:surplus]
    return counts.view(count, classes, classes)


def confusion_of(
    model: nn.Module,
    patches: Patches,
    *,
    classes: int,
    batch: int,
    device: torch.device,
    precision: str,
    after_batch: Callable[[int], None] = lambda size: None,
    also: Callable[[torch.Tensor, torch.Tensor], None] = lambda logits, truth: None,
    part: Part = WHOLE,
) -> np.ndarray:
    """int32 [N, K, K] counts of the model's predictions on every patch, in order.

    The model is left in evaluation mode. ``also`` is called with the logits [N, K, H, W] and the
    truth int64 [N, H, W] of each batch, ``after_batch`` with its size when it is done. Memory does
    not grow with the patches but by their counts. Of each batch only this ``part`` is counted, as
    near to equal as it can be; the counts of all other patches are 0.
    """
    model.eval()
    counts = np.zeros((len(patches), classes, classes), np.int32)
    own = [_share(positions, part) for positions in batches_in_order(len(patches), batch)]
    for rows, (images, masks) in zip(own, read_batches(patches, own, classes), strict=True):
        if not len(rows):  # the last batch may have fewer patches than there are parts
            after_batch(0)
            continue
        with torch.inference_mode(), autocast(device, precision):
            logits = model(standardise(as_images(images, device)))
            truth = as_masks(masks, device)
            found = count_confusion(logits.argmax(1), truth, classes)
            also(logits, truth)
        counts[rows] = found.cpu().numpy()
        after_batch(len(images))
    return counts


def _share(positions: np.ndarray, part: Part) -> np.ndarray:
    share: np.ndarray = np.array_split(positions, part.count)[part.number]
    return share


def write_confusion(
    path: Path,
    ids: Sequence[str],
    counts: np.ndarray,
    *,
    architecture: str,
    mix: str,
    seed: int,
    provenance: Mapping[str, Any],
) -> None:
    """Write int32 [N, K, K] counts as the table of the schema ``confusion``, one row a patch."""
    rows, cells = len(ids), int(np.prod(counts.shape[1:]))
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * cells)
    flat = pa.array(np.ascontiguousarray(counts, np.int32).ravel())
    columns = {
        "architecture": [architecture] * rows,
        "mix": [mix] * rows,
        "seed": [seed] * rows,
        "patch_id": list(ids),
        "counts": pa.ListArray.from_arrays(offsets, flat),
    }
    write_table(path, columns, "confusion", provenance)
