"""Features of a segmentation encoder that was trained on the run's own patches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from groundsynth.device import autocast
from groundsynth.evaluation.extractors import Extractor
from groundsynth.segmentation.models import load_model
from groundsynth.segmentation.patch_sizes import check_patch_size
from groundsynth.segmentation.preprocessing import as_images, standardise


def segmenter_extractor(weights: Path, device: torch.device, precision: str) -> Extractor:
    """The last stage of a trained segmentation model's encoder, averaged over the image.

    Source: the paper's section on the distribution of the synthetic images. Raises InputError
    when ``weights`` and its description are missing, broken, or do not belong together.
    """
    model, about = load_model(weights, device)
    encoder: Any = model.get_submodule("encoder")

    def encode(images: np.ndarray) -> torch.Tensor:
        check_patch_size(about.architecture, images.shape[1])
        with autocast(device, precision):
            x = standardise(as_images(images, device), about.mean, about.std)
            pooled: torch.Tensor = encoder(x)[-1].float().mean((2, 3))
        return pooled

    return Extractor(
        name="segmenter",
        title=about.title,
        digest=about.digest,
        dimensions=int(encoder.out_channels[-1]),
        preprocessing="not resized, mean and deviation of ImageNet",
        encode=encode,
    )
