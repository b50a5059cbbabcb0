"""What a test measures beside the confusion counts: boundaries and calibration of each patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from groundsynth.segmentation.boundaries import count_boundaries
from groundsynth.segmentation.calibration import count_calibration
from groundsynth.segmentation.quality_scores import BINS
from groundsynth.tables import write_table


class QualityCounts:
    """Collects the counts of one pass over the test patches, batch by batch."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.boundaries = [np.zeros((0, 4, classes), np.int64)]
        self.calibration = [np.zeros((0, 3, BINS))]

    def add(self, logits: torch.Tensor, truth: torch.Tensor) -> None:
        """Count a batch: logits [N, K, H, W] and truth int64 [N, H, W] on the same device."""
        boundaries = count_boundaries(logits.argmax(1), truth, self.classes)
        self.boundaries.append(boundaries.cpu().numpy())
        self.calibration.append(count_calibration(logits, truth).cpu().numpy())

    def write(
        self,
        path: Path,
        ids: Sequence[str],
        *,
        architecture: str,
        mix: str,
        seed: int,
        provenance: Mapping[str, Any],
    ) -> None:
        """Write the table of the schema ``quality``, one row a patch, in the order counted."""
        rows = len(ids)
        columns = {
            "architecture": [architecture] * rows,
            "mix": [mix] * rows,
            "seed": [seed] * rows,
            "patch_id": list(ids),
            "boundaries": _lists(np.concatenate(self.boundaries), pa.int32()),
            "calibration": _lists(np.concatenate(self.calibration), pa.float64()),
        }
        write_table(path, columns, "quality", provenance)


def _lists(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """An array [N, ...] as N lists."""
    width = int(np.prod(values.shape[1:]))
    offsets = pa.array(np.arange(len(values) + 1, dtype=np.int32) * width)
    return pa.ListArray.from_arrays(offsets, pa.array(values.ravel()).cast(kind))
