"""Tiny random checkpoints of the three architectures that caption in the paper's run.

Qwen3 (text), Gemma 3 and Qwen3-VL (with images), in the layout of the published ones: about a
megabyte each, made in seconds. Their words mean nothing; they prove the plumbing only.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tiny_tokenizers import (
    POSITIONS,
    QWEN_TEXT_TEMPLATE,
    QWEN_VISION_TEMPLATE,
    gemma_tokenizer,
    qwen_tokenizer,
)
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

VOCABULARY = 512
"""Above the tokenizers' own."""
SPREAD = 0.2
"""Of the random weights; with the usual 0.02 a model repeats one word, whatever it is asked."""

TEXT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "max_position_embeddings": POSITIONS,
    "initializer_range": SPREAD,
}
PIXELS = {
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "do_convert_rgb": True,
    "rescale_factor": 1 / 255,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
QWEN_PIXELS = {
    **PIXELS,
    "processor_class": "Qwen3VLProcessor",
    "patch_size": 16,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "resample": 3,
    "size": {"shortest_edge": 4096, "longest_edge": 65536},
}


def write_qwen3(folder: Path) -> None:
    """A model for text, as Qwen3-4B-Instruct is."""
    tokenizer = qwen_tokenizer(QWEN_TEXT_TEMPLATE)
    config = Qwen3Config(**TEXT, tie_word_embeddings=True, **_qwen_ids(tokenizer))
    _save(folder, Qwen3ForCausalLM, config, tokenizer, _qwen_ends(tokenizer))


def write_qwen3_vl(folder: Path) -> None:
    """A model for text and images, as Qwen3-VL-8B-Instruct is."""
    tokenizer = qwen_tokenizer(QWEN_VISION_TEMPLATE)
    rope = {
        "rope_type": "default",
        "rope_theta": 5000000,
        "mrope_interleaved": True,
        "mrope_section": [6, 5, 5],  # sums to half of head_dim
    }
    number = tokenizer.convert_tokens_to_ids
    config = Qwen3VLConfig(
        text_config={
            **TEXT,
            "num_hidden_layers": 3,
            "rope_parameters": rope,
            **_qwen_ids(tokenizer),
        },
        vision_config={
            "depth": 3,
            "initializer_range": SPREAD,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_heads": 2,
            "out_hidden_size": 64,
            "patch_size": 16,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "num_position_embeddings": 64,  # a square
            "deepstack_visual_indexes": [0, 1],
        },
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    _save(folder, Qwen3VLForConditionalGeneration, config, tokenizer, _qwen_ends(tokenizer))
    _write(
        folder / "preprocessor_config.json",
        {**QWEN_PIXELS, "image_processor_type": "Qwen2VLImageProcessorFast"},
    )
    video = {"fps": 2, "min_frames": 4, "max_frames": 8, "do_sample_frames": True}
    _write(
        folder / "video_preprocessor_config.json",
        {**QWEN_PIXELS, **video, "video_processor_type": "Qwen3VLVideoProcessor"},
    )


def write_gemma3(folder: Path) -> None:
    """A model for text and images, as gemma-3-4b-it is."""
    tokenizer = gemma_tokenizer()
    number = tokenizer.convert_tokens_to_ids
    ids = {"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}
    config = Gemma3Config(
        text_config={
            **TEXT,
            **ids,
            "query_pre_attn_scalar": 32,
            "sliding_window": 256,
            "layer_types": ["sliding_attention", "full_attention"],
        },
        vision_config={
            "num_hidden_layers": 2,
            "initializer_range": SPREAD,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_attention_heads": 2,
            "image_size": 112,
            "patch_size": 14,
            "vision_use_head": False,
        },
        mm_tokens_per_image=16,  # 8 x 8 patches, pooled to 4 x 4
        boi_token_index=number("<start_of_image>"),
        eoi_token_index=number("<end_of_image>"),
        image_token_index=number("<image_soft_token>"),
        eos_token_id=[number("<eos>"), number("<end_of_turn>")],
    )
    ends = [number("<eos>"), number("<end_of_turn>")]
    _save(folder, Gemma3ForConditionalGeneration, config, tokenizer, ends, _look_at_images)
    _name_as_published(folder / "model.safetensors")
    _write(
        folder / "preprocessor_config.json",
        {
            **PIXELS,
            "image_processor_type": "Gemma3ImageProcessor",
            "processor_class": "Gemma3Processor",
            "size": {"height": 112, "width": 112},
            "resample": 2,
            "do_pan_and_scan": False,
            "image_seq_length": 16,
        },
    )
    _write(
        folder / "processor_config.json",
        {"image_seq_length": 16, "processor_class": "Gemma3Processor"},
    )


WRITERS: dict[str, Callable[[Path], None]] = {
    "qwen3": write_qwen3,
    "gemma3": write_gemma3,
    "qwen3-vl": write_qwen3_vl,
}


def _save(
    folder: Path,
    kind: type[PreTrainedModel],
    config: Any,
    tokenizer: PreTrainedTokenizerFast,
    ends: list[int],
    change: Callable[[Any], None] = lambda model: None,
) -> None:
    """Write a model with random weights, how it generates, and its tokenizer."""
    torch.manual_seed(0)
    model = kind(config).to(torch.bfloat16)
    change(model)
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=0.7,
        top_p=0.8,
        top_k=20,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=ends,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@torch.no_grad()
def _look_at_images(model: Gemma3ForConditionalGeneration) -> None:
    """Let answers of an untrained Gemma 3 depend on more than the last word.

    Its projection of images begins at zero, and its words weigh more than what is made of them.
    """
    model.model.multi_modal_projector.mm_input_projection_weight.normal_(0, SPREAD)
    model.get_input_embeddings().weight.mul_(0.1)


def _name_as_published(weights: Path) -> None:
    """Give the image encoder's weights the names of the published checkpoints, which vLLM reads."""
    tensors = load_file(weights)
    own, published = "vision_tower.", "vision_tower.vision_model."
    renamed = {
        name if published in name else name.replace(own, published): tensor
        for name, tensor in tensors.items()
    }
    save_file(renamed, weights, metadata={"format": "pt"})


def _qwen_ids(tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    number = tokenizer.convert_tokens_to_ids
    return {
        "bos_token_id": number("<|endoftext|>"),
        "eos_token_id": number("<|im_end|>"),
        "pad_token_id": number("<|endoftext|>"),
    }


def _qwen_ends(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    return tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2), "utf-8")
