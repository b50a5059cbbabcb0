"""Features of the Inception network of published Fréchet distances, by torch-fidelity."""

from __future__ import annotations

import io
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch_fidelity import FeatureExtractorInceptionV3

from groundsynth.errors import InputError
from groundsynth.evaluation.extractors import Extractor
from groundsynth.evaluation.feature_weights import require_digest

LAYER, DIMENSIONS = "2048", 2048
SIDE = FeatureExtractorInceptionV3.INPUT_IMAGE_SIZE


def inception_extractor(weights: Path, sha256: str | None, device: torch.device) -> Extractor:
    """Pooled last layer of Inception v3, 2015-12-05, in float32 (Heusel et al. 2017).

    ``weights``: torch-fidelity's file (a conversion of the original TensorFlow weights). Raises
    InputError when it is missing, of another digest, broken, or holds more than tensors.
    """
    digest = require_digest(weights, sha256)
    network = _network(weights).to(device)

    def encode(images: np.ndarray) -> torch.Tensor:
        pixels = torch.from_numpy(np.ascontiguousarray(images)).to(device)
        (features,) = network(pixels.permute(0, 3, 1, 2))
        found: torch.Tensor = features
        return found

    return Extractor(
        name="inception",
        title=f"inception-v3-2015-12-05/{digest[:12]}",
        digest=digest,
        dimensions=DIMENSIONS,
        preprocessing=(
            f"resized bilinearly to {SIDE} x {SIDE} as by TensorFlow 1 (without antialias), "
            "(x - 128) / 128"
        ),
        encode=encode,
    )


def _network(weights: Path) -> Any:
    """torch-fidelity's network; it would unpickle whatever the file holds, so it gets a copy.

    The file is read as tensors alone; the network then reads what we wrote of them.
    """
    copy = io.BytesIO()
    try:
        torch.save(torch.load(weights, map_location="cpu", weights_only=True), copy)
        copy.seek(0)
        return FeatureExtractorInceptionV3(
            LAYER, [LAYER], feature_extractor_weights_path=copy, verbose=False
        )
    except UnpicklingError:
        raise InputError(
            f"{weights} holds more than tensors, or is broken, and is not loaded; fetch it again."
        ) from None
    except (RuntimeError, EOFError, TypeError, AttributeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{weights} does not hold torch-fidelity's Inception weights ({first}); fetch it again."
        ) from None
