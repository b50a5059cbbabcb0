"""Folders of models to measure: tiny ones with random weights, real ones without weights.

A folder of a real size holds the published numbers of its architecture and the tiny model's
tokenizer; the engine makes up the weights (``load_format="dummy"``). What a caption costs does
not depend on their values.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))

from tiny_models import WRITERS  # noqa: E402

QWEN3_4B: dict[str, Any] = {
    "vocab_size": 151936,
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 262144,
    "tie_word_embeddings": True,
    "layer_types": ["full_attention"] * 36,
}
QWEN3_VL_8B: dict[str, Any] = {
    "tie_word_embeddings": False,
    "text_config": {
        "vocab_size": 151936,
        "hidden_size": 4096,
        "intermediate_size": 12288,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 262144,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 5000000,
            "mrope_interleaved": True,
            "mrope_section": [24, 20, 20],
        },
    },
    "vision_config": {
        "depth": 27,
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_heads": 16,
        "out_hidden_size": 4096,
        "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [8, 16, 24],
    },
}
REAL = {"qwen3-4b": ("qwen3", QWEN3_4B), "qwen3-vl-8b": ("qwen3-vl", QWEN3_VL_8B)}
"""Name in the configuration: the tiny model of the same architecture, and the published sizes."""
PIXELS = {"shortest_edge": 256 * 256, "longest_edge": 4096 * 4096}
"""Of an image in the published Qwen3-VL: one of 256 x 256 is taken as it is, in 64 tokens."""


def write_tiny(name: str, folder: Path) -> Path:
    """The tiny model of an architecture, with random weights."""
    WRITERS[name](folder)
    return folder


def write_real(name: str, folder: Path) -> Path:
    """A model of the published size, without weights."""
    tiny, sizes = REAL[name]
    write_tiny(tiny, folder)
    (folder / "model.safetensors").unlink()
    _change(folder / "config.json", sizes)
    for processor in folder.glob("*preprocessor_config.json"):
        _change(processor, {"size": PIXELS})
    return folder


def has_images(folder: Path) -> bool:
    """Whether the model in a folder looks at images."""
    return "vision_config" in json.loads((folder / "config.json").read_text("utf-8"))


def _change(path: Path, values: dict[str, Any]) -> None:
    content = json.loads(path.read_text("utf-8"))
    for key, value in values.items():
        inside = isinstance(value, dict) and isinstance(content.get(key), dict)
        content[key] = {**content[key], **value} if inside else value
    path.write_text(json.dumps(content, indent=2), "utf-8")
