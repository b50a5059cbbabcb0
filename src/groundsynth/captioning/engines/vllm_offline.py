"""vLLM inside the job: batches of conversations through ``LLM.chat``.

vLLM is an optional package (extra ``vllm``) and imported only here, when a model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any, Protocol

from groundsynth.captioning.engines.answers import (
    REFUSALS,
    Answer,
    Conversation,
    Sampling,
    refusal,
)
from groundsynth.errors import ConfigurationError, InputError
from groundsynth.files import read_json

ENGINE = "vllm"
SET_BY = {
    "model": "captions.models",
    "max_model_len": "captions.vllm.max_model_len",
    "max_num_seqs": "captions.vllm.max_num_seqs",
    "gpu_memory_utilization": "captions.vllm.gpu_memory_utilization",
    "tensor_parallel_size": "captions.vllm.tensor_parallel",
    "dtype": "captions.vllm.dtype",
    "seed": "run.seed",
    "trust_remote_code": "nothing (a model's own code is never run)",
}
"""Arguments of ``vllm.LLM`` that further options may not hold, and what sets them."""

NOT_INSTALLED = (
    "vLLM is not installed in this environment; install it with pip install 'groundsynth[vllm]', "
    "or let the grammar engine write the captions."
)


class ChatModel(Protocol):
    """The part of ``vllm.LLM`` that is used."""

    def chat(
        self, messages: list[Conversation], sampling_params: list[Any], use_tqdm: bool
    ) -> list[Any]:
        """Answers in the order of the conversations; raises if one of them is refused."""


class OfflineEngine:
    """Answers conversations; one bad conversation costs only itself.

    ``parameters`` makes the sampling parameters of one image from its seed; ``refusals`` are the
    errors that a bad conversation raises. Any other ends the job, a dead engine's above all.
    """

    def __init__(
        self,
        model: ChatModel,
        parameters: Callable[[int], Any],
        refusals: tuple[type[Exception], ...] = (ValueError, RuntimeError),
    ) -> None:
        self.model, self.parameters, self.refusals = model, parameters, refusals

    def answer(self, conversations: Sequence[Conversation], seeds: Sequence[int]) -> list[Answer]:
        """One answer for each conversation, in order.

        vLLM refuses a whole batch for one bad prompt; such a batch is halved until the bad
        prompt stands alone. InputError when every one of several prompts is refused.
        """
        answers = self._halving(list(conversations), list(seeds))
        if len(answers) >= REFUSALS and all(answer.error for answer in answers):
            raise InputError(
                f"The model refused all {len(answers)} prompts of a batch (the first: "
                f"{answers[0].error}); check max_model_len and that the model takes such input."
            )
        return answers

    def _halving(self, conversations: list[Conversation], seeds: list[int]) -> list[Answer]:
        if not conversations:
            return []
        try:
            outputs = self.model.chat(
                conversations, [self.parameters(seed) for seed in seeds], use_tqdm=False
            )
        except self.refusals as error:
            if len(conversations) == 1:
                return [refusal(str(error) or type(error).__name__)]
            half = len(conversations) // 2
            return [
                *self._halving(conversations[:half], seeds[:half]),
                *self._halving(conversations[half:], seeds[half:]),
            ]
        return [_answer_of(output) for output in outputs]


def load_engine(
    model: Path,
    *,
    sampling: Sampling,
    limits: dict[str, int],
    max_model_len: int,
    max_num_seqs: int,
    gpu_memory_utilization: float,
    tensor_parallel: int,
    dtype: str,
    seed: int,
    options: dict[str, Any],
) -> OfflineEngine:
    """Load a model folder into vLLM; ConfigurationError when vLLM is not installed.

    ``limits`` as from ``modality_limits``; ``options`` are further arguments of ``vllm.LLM``.
    """
    engine_version()
    from vllm import LLM, SamplingParams
    from vllm.exceptions import VLLMClientError  # too long a prompt: no ValueError any more

    arguments: dict[str, Any] = {
        "model": str(model),
        "max_model_len": max_model_len,
        "max_num_seqs": max_num_seqs,
        "gpu_memory_utilization": gpu_memory_utilization,
        "tensor_parallel_size": tensor_parallel,
        "dtype": dtype,
        "seed": seed % 2**32,
        "enable_prefix_caching": True,
        "trust_remote_code": False,
    }
    if limits:
        arguments["limit_mm_per_prompt"] = limits
    return OfflineEngine(
        LLM(**{**arguments, **options}),
        lambda image_seed: SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            seed=image_seed,
        ),
        (ValueError, RuntimeError, VLLMClientError),
    )


def require_free(options: dict[str, Any]) -> None:
    """Raise ConfigurationError for an option that another key sets, or that none may set."""
    taken = [name for name in options if name in SET_BY]
    if taken:
        raise ConfigurationError(
            f"The vLLM option {taken[0]!r} is set by {SET_BY[taken[0]]}; take it out of the "
            "options of captions.vllm or of the model."
        )


def engine_version() -> str:
    """Version of the installed vLLM, without importing it (which takes a minute).

    Raises ConfigurationError, naming the extra to install, when it is not installed.
    """
    owners = packages_distributions().get("vllm")
    if not owners:
        raise ConfigurationError(NOT_INSTALLED)
    return version(owners[0])


def modality_limits(model: Path, *, with_images: bool) -> dict[str, int]:
    """Images and videos a prompt may hold, from the model's configuration; empty for text models.

    Raises InputError when the folder holds no model, or a text model is to look at images.
    """
    config = read_json(model / "config.json")
    if "vision_config" not in config:
        if with_images:
            raise InputError(
                f"{model} holds a model for text only; choose the method text for it, or a "
                "vision-language model."
            )
        return {}
    limits = {"image": 1 if with_images else 0}
    if "video_token_id" in config:
        limits["video"] = 0  # else memory is set aside for videos
    return limits


def _answer_of(output: Any) -> Answer:
    first = output.outputs[0]
    return Answer(first.text, len(first.token_ids), first.finish_reason)
