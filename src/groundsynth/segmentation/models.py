"""A trained segmentation model on disk: safetensors, and a JSON sidecar that says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from groundsynth.errors import InputError
from groundsynth.files import atomic, read_json, write_json
from groundsynth.provenance import digest_of
from groundsynth.segmentation.architectures import build_model
from groundsynth.segmentation.mixes import Mix
from groundsynth.segmentation.preprocessing import IMAGENET_MEAN, IMAGENET_STD


@dataclass(frozen=True)
class Description:
    """What a trained model is: enough to build it again and to know what it has seen."""

    architecture: str
    encoder: str
    class_names: tuple[str, ...]
    mix: str
    mix_parts: Mapping[str, Any]
    seed: int
    patch_size: int
    """Height and width in pixels of the patches it was trained on."""
    validation_f1: float
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    digest: str = ""
    """SHA-256 of the weights file; set when the model is written."""

    @property
    def trained_on(self) -> Mix:
        """The training mix."""
        return Mix.from_parts(self.mix, self.mix_parts)

    @property
    def title(self) -> str:
        """Short name with the digest's beginning, as tables carry it."""
        return f"{self.architecture}/{self.encoder}/{self.digest[:12]}"


def sidecar_of(path: Path) -> Path:
    """The JSON file beside the weights file ``path``."""
    return path.with_suffix(".json")


def save_model(
    path: Path, weights: Mapping[str, torch.Tensor], about: Description, record: Mapping[str, Any]
) -> None:
    """Write ``weights`` to ``path`` and ``about`` with the provenance ``record`` beside it."""
    with atomic(path) as temporary:
        save_file({k: v.detach().cpu().contiguous() for k, v in weights.items()}, temporary)
    described = {**asdict(about), "digest": digest_of(path), "provenance": dict(record)}
    write_json(sidecar_of(path), described)


def load_model(path: Path, device: torch.device) -> tuple[nn.Module, Description]:
    """Build the model that ``path`` and its sidecar describe, in evaluation mode on ``device``.

    Raises InputError when a file is missing or broken, or when the two do not belong together.
    """
    about = _read_description(sidecar_of(path))
    if not path.exists():
        raise InputError(f"{path} is missing; run the stage that trains it.")
    if digest_of(path) != about.digest:
        raise InputError(
            f"{path} is not the file that {sidecar_of(path).name} describes; delete both and "
            "train again."
        )
    model = build_model(about.architecture, about.encoder, len(about.class_names))
    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"{path} does not fit the model that its sidecar describes ({first}); train it again."
        ) from None
    return model.to(device).to(memory_format=torch.channels_last).eval(), about


def _read_description(path: Path) -> Description:
    record = read_json(path)
    record.pop("provenance", None)
    try:
        about = Description(**record)
    except TypeError as error:
        raise InputError(
            f"{path} does not describe a segmentation model ({error}); delete it and train again."
        ) from None
    tuples = {name: tuple(record[name]) for name in ("class_names", "mean", "std")}
    return Description(**{**asdict(about), **tuples})
