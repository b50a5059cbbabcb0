"""Features of DINOv2, by timm: a network that knows more of the world than ImageNet's classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.evaluation.extractors import Extractor
from groundsynth.evaluation.feature_weights import require_digest
from groundsynth.evaluation.image_preparation import ImagePreparation, prepare_images


def dinov2_extractor(
    weights: Path, network: str | None, sha256: str | None, device: torch.device
) -> Extractor:
    """Class token of DINOv2 after its last norm, in float32 (Oquab et al. 2023).

    ``weights``: timm's safetensors file of the variant ``network``, prepared as timm says. Source
    of the choice: Stein et al. 2023, who find distances in these features nearer to people's
    judgement than in Inception's. Raises ConfigurationError for an unknown variant, InputError
    for a file that is missing, of another digest, broken or of another network.
    """
    digest = require_digest(weights, sha256)
    model = _network(weights, network)
    preparation = preparation_of(model)
    model = model.to(device).eval()

    def encode(images: np.ndarray) -> torch.Tensor:
        pixels = torch.from_numpy(np.ascontiguousarray(images)).to(device)
        found: torch.Tensor = model(prepare_images(pixels, preparation))
        return found

    rows, columns = preparation.size
    return Extractor(
        name="dinov2",
        title=f"{network}/{digest[:12]}",
        digest=digest,
        dimensions=int(model.num_features),
        preprocessing=(
            f"resized ({preparation.interpolation} with antialias) to {rows} x {columns}, mean and "
            "deviation of ImageNet"
        ),
        encode=encode,
    )


def preparation_of(model: Any) -> ImagePreparation:
    """The image preparation that timm gives for a model's pretrained weights."""
    about = timm.data.resolve_model_data_config(model)
    return ImagePreparation(
        size=tuple(about["input_size"][1:]),
        mean=tuple(about["mean"]),
        std=tuple(about["std"]),
        interpolation=about["interpolation"],
        resize_mode="shortest",
    )


def _network(weights: Path, network: str | None) -> Any:
    if network is None or "dinov2" not in network or not timm.is_model(network):
        raise ConfigurationError(
            f"timm {timm.__version__} knows no DINOv2 network {network!r}; name another in "
            "evaluation.extractor_definitions.dinov2.network."
        )
    model: Any = timm.create_model(network, num_classes=0)
    try:
        model.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"{weights} does not hold timm's weights of {network} ({first}); fetch it again."
        ) from None
    return model
