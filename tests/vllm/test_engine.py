"""The real engine, asked directly: batches, seeds, what it refuses, images as configured."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from groundsynth.captioning.engines.answers import Sampling
from groundsynth.captioning.engines.vllm_offline import (
    OfflineEngine,
    load_engine,
    modality_limits,
)

from .conftest import LENGTH, OPTIONS, SEQUENCES, SMALL_IMAGES, TOKENS

IMAGE_TOKENS = {
    "qwen3": ("<|image_pad|>", 0),
    "gemma3": ("<image_soft_token>", 16),
    "qwen3-vl": ("<|image_pad|>", 4),
}
"""What stands for an image in a prompt, and how often for one of 256 x 256 pixels."""


@pytest.fixture(scope="module", params=["qwen3", "gemma3", "qwen3-vl"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def greedy(name: str, models: dict[str, Path]) -> OfflineEngine:
    """A model in the engine, without chance."""
    return load_engine(
        models[name],
        sampling=Sampling(0.0, 1.0, TOKENS),
        limits=modality_limits(models[name], with_images=name != "qwen3"),
        max_model_len=LENGTH,
        max_num_seqs=SEQUENCES,
        gpu_memory_utilization=0.9,
        tensor_parallel=1,
        dtype="float32",
        seed=0,
        options=OPTIONS | (SMALL_IMAGES if name == "qwen3-vl" else {}),
    )


@pytest.fixture(scope="module")
def drawing(greedy: OfflineEngine) -> OfflineEngine:
    """The same model, with tokens drawn by each request's seed."""
    from vllm import SamplingParams

    def parameters(seed: int) -> SamplingParams:
        return SamplingParams(temperature=0.7, top_p=0.8, max_tokens=TOKENS, seed=seed)

    return OfflineEngine(greedy.model, parameters, greedy.refusals)


def ask(name: str, words: str, size: tuple[int, int] = (256, 256)) -> list[dict[str, Any]]:
    """A conversation on a scene; with an image of noise, except for the text model."""
    if name == "qwen3":
        return [{"role": "user", "content": words}]
    noise = np.random.default_rng(len(words)).integers(0, 256, (*size, 3), np.uint8)
    image = {"type": "image_pil", "image_pil": Image.fromarray(noise)}
    return [{"role": "user", "content": [{"type": "text", "text": words}, image]}]


def scenes(name: str, count: int) -> list[list[dict[str, Any]]]:
    return [ask(name, "The land cover of the scene is " + "crop, " * n) for n in range(count)]


def test_answers_of_a_batch_are_those_of_each_alone(greedy: OfflineEngine, name: str) -> None:
    asked = scenes(name, 6)
    together = greedy.answer(asked, [0] * 6)
    assert together == [greedy.answer([one], [0])[0] for one in asked]
    assert len({answer.text for answer in together}) > 1


def test_a_caption_depends_on_its_seed(drawing: OfflineEngine, name: str) -> None:
    asked = scenes(name, 4)
    first = drawing.answer(asked, [1, 2, 3, 4])
    assert drawing.answer(asked, [1, 2, 3, 4]) == first
    others = drawing.answer(asked, [5, 6, 7, 8])
    assert all(a.text != b.text for a, b in zip(first, others, strict=True))


def test_too_long_a_prompt_costs_only_itself(greedy: OfflineEngine, name: str) -> None:
    asked = scenes(name, 5)
    good = greedy.answer(asked, [0] * 5)
    asked[3] = ask(name, "crop " * LENGTH)
    answers = greedy.answer(asked, [0] * 5)
    assert answers[3].error is not None
    assert "maximum context length" in answers[3].error
    assert [answers[n] for n in (0, 1, 2, 4)] == [good[n] for n in (0, 1, 2, 4)]


def test_an_image_has_the_configured_size(greedy: OfflineEngine, name: str) -> None:
    mark, count = IMAGE_TOKENS[name]
    (output,) = greedy.model.chat([ask(name, "scene")], [greedy.parameters(0)], use_tqdm=False)
    number = greedy.model.get_tokenizer().convert_tokens_to_ids(mark)
    assert output.prompt_token_ids.count(number) == count


def test_an_image_that_a_model_cannot_take_costs_only_itself(
    greedy: OfflineEngine, name: str
) -> None:
    """Any image for the text model, two at once, and one of impossible proportions."""
    asked = [ask(name, "scene") for _ in range(3)]
    asked[1] = {
        "qwen3": ask("gemma3", "scene"),
        "gemma3": [{"role": "user", "content": ask(name, "scene")[0]["content"] * 2}],
        "qwen3-vl": ask(name, "scene", (10, 3000)),
    }[name]
    first, bad, last = greedy.answer(asked, [0] * 3)
    assert bad.error
    assert first.error is None
    assert first == last
