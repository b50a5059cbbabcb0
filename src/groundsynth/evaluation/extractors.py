"""Feature extractors: networks that turn images into the vectors whose sets are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from groundsynth.progress import Progress
from groundsynth.segmentation.data import batches_in_order

ExtractorName = Literal["segmenter", "inception", "dinov2"]


@dataclass(frozen=True)
class Extractor:
    """A network in evaluation mode on its device, and what a figure has to say of it."""

    name: ExtractorName
    title: str
    """Short name with the beginning of the digest, as tables carry it."""
    digest: str
    """SHA-256 of the weights file."""
    dimensions: int
    preprocessing: str
    """Resizing and scaling of the images, in words."""
    encode: Callable[[np.ndarray], torch.Tensor]
    """uint8 [B, H, W, 3] -> float32 [B, D], called in inference mode."""

    @property
    def description(self) -> dict[str, Any]:
        """What stands with every figure in its features."""
        return {
            "extractor": self.name,
            "feature_model": self.title,
            "weights_digest": self.digest,
            "preprocessing": self.preprocessing,
            "dimensions": self.dimensions,
        }

    def vectors(
        self, images: np.ndarray, batch: int, progress: Progress | None = None
    ) -> np.ndarray:
        """float32 [N, D] features of uint8 [N, H, W, 3] images, ``batch`` at a time."""
        found = [np.zeros((0, self.dimensions), np.float32)]
        for rows in batches_in_order(len(images), batch):
            with torch.inference_mode():
                found.append(self.encode(images[rows]).float().cpu().numpy())
            if progress is not None:
                progress.advance(len(rows))
        return np.concatenate(found)


def load_extractor(
    name: ExtractorName,
    weights: Path,
    *,
    network: str | None,
    sha256: str | None,
    device: torch.device,
    precision: str,
) -> Extractor:
    """The named extractor with the weights of a file; nothing is fetched.

    ``network``: timm's name of the DINOv2 variant; ``sha256``: digits that the digest of a
    published file must begin with. ``precision`` is the segmenter's; the others compute in
    float32, as their published figures do. Raises InputError for a file that is missing, broken,
    or not the expected one.
    """
    # Imported where needed: torch-fidelity costs seconds, which other extractors need not pay.
    if name == "segmenter":
        from groundsynth.evaluation.segmenter_features import segmenter_extractor

        return segmenter_extractor(weights, device, precision)
    if name == "inception":
        from groundsynth.evaluation.inception_features import inception_extractor

        return inception_extractor(weights, sha256, device)
    from groundsynth.evaluation.dinov2_features import dinov2_extractor

    return dinov2_extractor(weights, network, sha256, device)
