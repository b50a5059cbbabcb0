"""Pretrained CLIP weights, fetched once to a file that needs no network afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file

from groundsynth.errors import ConfigurationError, FetchError
from groundsynth.evaluation.clip_model import METADATA
from groundsynth.files import atomic


def fetch_clip(*, model: str, pretrained: str, output: Path) -> None:
    """Fetch the pretrained weights of an open_clip model into a safetensors file.

    The file's metadata says how they were trained (activation, image statistics), which the
    model's name alone does not: OpenAI's weights of ``ViT-B-32`` need another activation than
    the configuration of that name. Raises ConfigurationError for an unknown model or tag,
    FetchError when the download fails.
    """
    if output.suffix != ".safetensors":
        raise ConfigurationError(f"{output} must end in .safetensors; choose another output.")
    known = open_clip.list_pretrained_tags_by_model(model)
    training = open_clip.get_pretrained_cfg(model, pretrained)
    if not training:
        raise ConfigurationError(
            f"open_clip knows no weights {pretrained!r} of {model!r}; the tags of this model are "
            f"{', '.join(known) or 'none'}."
        )
    quick_gelu = bool(training.get("quick_gelu", False))
    try:
        network = open_clip.create_model(
            model, pretrained=pretrained, device="cpu", force_quick_gelu=quick_gelu
        )
    except (RuntimeError, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise FetchError(
            f"The weights {pretrained!r} of {model} could not be fetched ({first}); check the "
            "network and start again."
        ) from None
    save_clip(
        output,
        network,
        {
            "model": model,
            "pretrained": pretrained,
            "quick_gelu": quick_gelu,
            "preprocess": open_clip.get_model_preprocess_cfg(network),
        },
    )


def save_clip(path: Path, network: Any, training: dict[str, Any]) -> None:
    """Write a CLIP model's weights, with how it was trained in the metadata, atomically."""
    tensors = {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in network.state_dict().items()
        if isinstance(tensor, torch.Tensor)
    }
    with atomic(path) as temporary:
        save_file(tensors, temporary, metadata={METADATA: json.dumps(training), "format": "pt"})
