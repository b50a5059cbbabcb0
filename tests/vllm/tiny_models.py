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
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import processors as post
from tokenizers.trainers import BpeTrainer
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

SENTENCES = (
    "This satellite image was taken from straight above.",
    "In one or two concise sentences, say which land use dominates the scene.",
    "Land cover of the scene: grass 86%, crop 11%, tree less than 1%, water, barren, built-up.",
    "Name no class that is not listed, and answer with the caption only.",
    "Describe the spatial layout, the dominant land use and the key geographic features.",
    "Satellite scenes of which only the land-cover statistics are known.",
)
VOCABULARY, MODEL_VOCABULARY, POSITIONS = 400, 512, 4096
SPREAD = 0.2
"""Of the random weights; with the usual 0.02 a model repeats one word, whatever it is asked."""

QWEN_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
GEMMA_SPECIAL = (
    "<pad>",
    "<eos>",
    "<bos>",
    "<unk>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<start_of_image>",
    "<end_of_image>",
    "<image_soft_token>",
)

QWEN_TEXT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)
QWEN_VISION_TEMPLATE = (
    "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\n' }}"
    "{%- if message.content is string %}{{- message.content }}{%- else %}"
    "{%- for part in message.content %}"
    "{%- if part.type == 'image' %}{{- '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{%- elif part.type == 'video' %}{{- '<|vision_start|><|video_pad|><|vision_end|>' }}"
    "{%- elif part.type == 'text' %}{{- part.text }}{%- endif %}"
    "{%- endfor %}{%- endif %}{{- '<|im_end|>\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)
GEMMA_TEMPLATE = (
    "{{- bos_token }}"
    "{%- for message in messages %}"
    "{%- set role = {'assistant': 'model', 'system': 'user'}.get(message.role, message.role) %}"
    "{{- '<start_of_turn>' + role + '\n' }}"
    "{%- if message.content is string %}{{- message.content | trim }}{%- else %}"
    "{%- for part in message.content %}"
    "{%- if part.type == 'image' %}{{- '<start_of_image>' }}"
    "{%- elif part.type == 'text' %}{{- part.text | trim }}{%- endif %}"
    "{%- endfor %}{%- endif %}{{- '<end_of_turn>\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<start_of_turn>model\n' }}{%- endif %}"
)
TEXT = {
    "vocab_size": MODEL_VOCABULARY,
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
    tokenizer = _qwen_tokenizer(QWEN_TEXT_TEMPLATE)
    config = Qwen3Config(**TEXT, tie_word_embeddings=True, **_qwen_ids(tokenizer))
    _save(folder, Qwen3ForCausalLM, config, tokenizer, _qwen_ends(tokenizer))


def write_qwen3_vl(folder: Path) -> None:
    """A model for text and images, as Qwen3-VL-8B-Instruct is."""
    tokenizer = _qwen_tokenizer(QWEN_VISION_TEMPLATE)
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
    tokenizer = _gemma_tokenizer()
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
    _save(folder, Gemma3ForConditionalGeneration, config, tokenizer, ends)
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
) -> None:
    """Write a model with random weights, how it generates, and its tokenizer."""
    torch.manual_seed(0)
    model = kind(config).to(torch.bfloat16)
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


def _name_as_published(weights: Path) -> None:
    """Give the image encoder's weights the names of the published checkpoints, which vLLM reads."""
    tensors = load_file(weights)
    own, published = "vision_tower.", "vision_tower.vision_model."
    renamed = {
        name if published in name else name.replace(own, published): tensor
        for name, tensor in tensors.items()
    }
    save_file(renamed, weights, metadata={"format": "pt"})


def _byte_level(special: tuple[str, ...]) -> Tokenizer:
    """Byte pairs of the sentences above; every byte has a token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = post.ByteLevel(trim_offsets=False)
    trainer = BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def _qwen_tokenizer(template: str) -> PreTrainedTokenizerFast:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_byte_level(QWEN_SPECIAL),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=[t for t in QWEN_SPECIAL if t != "<|im_end|>"],
        model_max_length=POSITIONS,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = template
    return tokenizer


def _gemma_tokenizer() -> PreTrainedTokenizerFast:
    plain = _byte_level(GEMMA_SPECIAL)
    # vLLM looks runs of line ends up by their plain spelling.
    plain.add_tokens([AddedToken("\n" * n, normalized=False, special=False) for n in (4, 3, 2, 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        extra_special_tokens={
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
            "image_token": "<image_soft_token>",
        },
        model_max_length=POSITIONS,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = GEMMA_TEMPLATE
    return tokenizer


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
