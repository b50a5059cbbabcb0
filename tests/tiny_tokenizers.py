"""Tokenizers and chat templates of the tiny models: byte pairs of a few sentences.

The special tokens are those of the published models, the templates do what theirs do for one
user turn of text and images.
"""

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import processors as post
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

SENTENCES = (
    "This satellite image was taken from straight above.",
    "In one or two concise sentences, say which land use dominates the scene.",
    "Land cover of the scene: grass 86%, crop 11%, tree less than 1%, water, barren, built-up.",
    "Name no class that is not listed, and answer with the caption only.",
    "Describe the spatial layout, the dominant land use and the key geographic features.",
    "Satellite scenes of which only the land-cover statistics are known.",
)
VOCABULARY, POSITIONS = 400, 4096

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


def qwen_tokenizer(template: str) -> PreTrainedTokenizerFast:
    """The tokenizer of a Qwen model with this chat template."""
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


def gemma_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of a Gemma 3 model."""
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
