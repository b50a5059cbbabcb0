"""Finished generators: weights as safetensors, the rest as a JSON file of the same name.

The two files are all that is needed to sample: architecture, constructor keywords, and what the
training left to know (seed, images seen, legend, provenance).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from groundsynth.device import require_precision
from groundsynth.errors import InputError
from groundsynth.files import atomic, read_json, write_json
from groundsynth.gan import spade, stylegan2, stylegan3
from groundsynth.provenance import digest_of

AGAIN = "delete it and its .json and run the training again"


def sidecar_of(model: Path) -> Path:
    """The JSON file beside the weights ``model``."""
    return model.with_suffix(".json")


def build_generator(architecture: str, keywords: Mapping[str, Any]) -> nn.Module:
    """A generator with random weights: ``architecture`` is spade, stylegan2 or stylegan3-*.

    Random numbers come from PyTorch's global generator; seed it for an untrained baseline.
    """
    if architecture == "spade":
        return spade.Generator(**keywords)
    if architecture == "stylegan2":
        return stylegan2.Generator(**keywords)
    if architecture in ("stylegan3-t", "stylegan3-r"):
        return stylegan3.Generator(**keywords)
    raise InputError(f"There is no generator of the architecture {architecture!r}.")


def save_generator(
    path: Path, generator: nn.Module, architecture: str, keywords: Mapping[str, Any], **facts: Any
) -> None:
    """Write weights to ``path`` and the description beside it; ``facts`` go in as they are."""
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in generator.state_dict().items()
    }
    with atomic(path) as temporary:
        save_file(tensors, temporary)
    description = {
        "architecture": architecture,
        "keywords": dict(keywords),
        "digest": digest_of(path),
        **facts,
    }
    write_json(sidecar_of(path), description)


def describe_generator(path: Path) -> dict[str, Any]:
    """The description of the generator at ``path``: architecture, keywords, digest, facts.

    Raises InputError when it is missing, or does not belong to the weights.
    """
    description: dict[str, Any] = read_json(sidecar_of(path))
    if not path.exists():
        raise InputError(f"{path} is missing; run the training that writes it.")
    if description.get("digest") != digest_of(path):
        raise InputError(f"{path} is not the file that {sidecar_of(path).name} describes; {AGAIN}.")
    return description


def keywords_for(description: Mapping[str, Any], precision: str) -> dict[str, Any]:
    """Constructor keywords of a described generator that samples in ``precision``."""
    keywords = dict(description["keywords"])
    if description["architecture"] != "spade" and precision != "float32":
        keywords["low_precision"] = precision
    return keywords


def load_generator(
    path: Path, device: torch.device, precision: str = "float32"
) -> tuple[nn.Module, dict[str, Any]]:
    """Load a generator for sampling (evaluation mode, no gradients) and its description.

    ``precision`` other than float32 sets the type of a StyleGAN's upper resolutions. Raises
    InputError when a file is missing or broken, or the weights do not fit, and ConfigurationError
    for a precision that the device has not.
    """
    require_precision(device, precision)
    description = describe_generator(path)
    keywords = keywords_for(description, precision)
    generator = build_generator(description["architecture"], keywords)
    try:
        generator.load_state_dict(load_file(path), strict=True)
    except (RuntimeError, SafetensorError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be loaded ({first}); {AGAIN}.") from None
    return generator.to(device).eval().requires_grad_(False), description
