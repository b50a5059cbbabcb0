"""A CLIP model with its own image preparation and tokenizer, loaded without network.

Any open_clip model: a built-in configuration by name, or one's own from a JSON file; weights from
a safetensors file or a ``.pt`` file of tensors. Weights written by ``fetch-clip`` carry how they
were trained (activation, image statistics) in the file's metadata, which is followed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import open_clip
import torch
from safetensors import SafetensorError, safe_open
from torch.nn import functional

from groundsynth.device import autocast
from groundsynth.errors import ConfigurationError, InputError
from groundsynth.evaluation.image_preparation import ImagePreparation, prepare_images
from groundsynth.files import read_json

METADATA = "groundsynth"
OWN_KEYS = ("name", "provenance")
CONFIG_KEYS = ("embed_dim", "vision_cfg", "text_cfg")


@dataclass(frozen=True)
class ClipModel:
    """A model in evaluation mode on its device, with tokenizer and image preparation."""

    name: str
    network: Any
    tokenizer: Any
    preparation: ImagePreparation
    device: torch.device
    precision: str = "float32"

    @property
    def context_length(self) -> int:
        """Tokens that the text encoder takes, with start and end."""
        return int(self.tokenizer.context_length)

    @torch.inference_mode()
    def embed_images(self, images: np.ndarray) -> torch.Tensor:
        """uint8 [N, H, W, 3] RGB -> float32 [N, D] unit vectors, on the CPU."""
        pixels = torch.from_numpy(np.array(images)).to(self.device)
        prepared = prepare_images(pixels, self.preparation)
        with autocast(self.device, self.precision):
            features = self.network.encode_image(prepared)
        return functional.normalize(features.float(), dim=-1).cpu()

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """N texts -> float32 [N, D] unit vectors, on the CPU; long texts are cut at the end."""
        tokens = self.tokenizer(list(texts)).to(self.device)
        with autocast(self.device, self.precision):
            features = self.network.encode_text(tokens)
        return functional.normalize(features.float(), dim=-1).cpu()

    def is_truncated(self, text: str) -> bool:
        """Whether the text has more tokens than the encoder takes."""
        return count_tokens(self.tokenizer, text) > self.context_length


def load_clip(
    model: str,
    weights: Path,
    device: torch.device,
    model_config: Path | None = None,
    precision: str = "float32",
) -> ClipModel:
    """Load an open_clip model and its weights; nothing is fetched.

    ``model_config`` is a JSON file with the configuration of a model that open_clip does not
    know. Raises ConfigurationError for an unknown model, InputError for weights that are
    missing, broken, of another model, or not plain tensors.
    """
    if model_config is not None:
        register_model(model, model_config)
    if model not in open_clip.list_models():
        raise ConfigurationError(
            f"open_clip {open_clip.__version__} knows no model {model!r}; use a name from "
            "open_clip.list_models(), or give its configuration as a JSON file."
        )
    metadata = _training_of(weights)
    try:
        network = open_clip.create_model(
            model,
            pretrained=str(weights),
            device=device,
            force_quick_gelu=bool(metadata.get("quick_gelu", False)),
            force_preprocess_cfg=metadata.get("preprocess") or None,
        )
    except (RuntimeError, KeyError, ValueError, EOFError, SafetensorError, OSError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise InputError(
            f"{weights} does not hold plain weights of the model {model} ({lines[0][:200]}); fetch "
            "them with fetch-clip, or name the model that they belong to."
        ) from None
    except UnpicklingError:
        raise InputError(
            f"{weights} holds more than tensors and is not loaded; convert it to safetensors."
        ) from None
    network.eval()
    return ClipModel(
        model, network, open_clip.get_tokenizer(model), preparation_of(network), device, precision
    )


def register_model(name: str, config: Path) -> None:
    """Make the configuration in a JSON file known to open_clip under ``name``."""
    section = read_json(config)
    if not isinstance(section, dict) or any(key not in section for key in CONFIG_KEYS):
        raise InputError(
            f"{config} is no open_clip model configuration; it needs {', '.join(CONFIG_KEYS)}."
        )
    plain = {key: value for key, value in section.items() if key not in OWN_KEYS}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"{name}.json").write_text(json.dumps(plain), "utf-8")
        open_clip.add_model_config(Path(folder))


def preparation_of(network: Any) -> ImagePreparation:
    """The image preparation that open_clip attached to a model."""
    config = open_clip.get_model_preprocess_cfg(network)
    size = config["size"]
    interpolation = config.get("interpolation") or "bicubic"
    return ImagePreparation(
        size=(size, size) if isinstance(size, int) else (int(size[0]), int(size[1])),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation="bicubic" if interpolation == "random" else interpolation,
        resize_mode=config.get("resize_mode") or "shortest",
    )


def count_tokens(tokenizer: Any, text: str) -> int:
    """Tokens of a text with start and end, before anything is cut off."""
    if hasattr(tokenizer, "encode"):
        return len(tokenizer.encode(text)) + 2
    cleaned = tokenizer.clean_fn(text)
    return len(tokenizer.tokenizer(cleaned)["input_ids"])


def _training_of(weights: Path) -> dict[str, Any]:
    """What ``fetch-clip`` or ``train-clip`` noted in the file; empty for other files."""
    if not weights.is_file():
        raise InputError(f"{weights} is missing; fetch it with fetch-clip, or train it.")
    if weights.suffix != ".safetensors":
        return {}
    try:
        with safe_open(weights, framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise InputError(
            f"{weights} is truncated or no safetensors file ({error}); delete it, fetch it again."
        ) from None
    found: dict[str, Any] = json.loads(metadata.get(METADATA, "{}"))
    return found
