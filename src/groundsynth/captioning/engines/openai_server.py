"""Any OpenAI-compatible server: vLLM's, Ollama's, llama.cpp's, a commercial one.

Requests run side by side up to a limit. The client library waits and asks again after 408, 409,
429, 5xx, timeouts and broken connections (exponential back-off, or as Retry-After says).
"""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import openai

from groundsynth.captioning.engines.answers import (
    REFUSALS,
    Answer,
    Conversation,
    Sampling,
    refusal,
)
from groundsynth.errors import ConfigurationError, InputError

ENGINE = "openai"
KEY = "OPENAI_API_KEY"
NO_KEY = "none"  # the client library wants one, servers without keys ignore it


@dataclass(frozen=True)
class Server:
    """Where and how to ask: address, model, requests at once, seconds a request, tries after it."""

    base_url: str
    model: str
    concurrency: int
    timeout: float
    retries: int


class ServerEngine:
    """Answers conversations by requests to a server."""

    def __init__(self, server: Server, sampling: Sampling) -> None:
        self.server, self.sampling = server, sampling
        self.client = openai.OpenAI(
            base_url=server.base_url,
            api_key=os.environ.get(KEY) or NO_KEY,
            max_retries=server.retries,
            timeout=server.timeout,
        )

    def answer(self, conversations: Sequence[Conversation], seeds: Sequence[int]) -> list[Answer]:
        """One answer for each conversation, in order; one that fails costs only itself.

        Raises ConfigurationError where server, key or model are wrong, and InputError when every
        one of several requests fails, which is the server's fault and not the images'.
        """
        with ThreadPoolExecutor(self.server.concurrency) as pool:  # map gives up at an exception
            answers = list(pool.map(self._ask, conversations, seeds))
        if len(answers) >= REFUSALS and all(answer.error for answer in answers):
            raise InputError(
                f"All {len(answers)} requests of a batch to {self.server.base_url} failed (the "
                f"first: {answers[0].error}); see whether the server is up and takes such input."
            )
        return answers

    def _ask(self, conversation: Conversation, seed: int) -> Answer:
        messages = [
            {**turn, "content": _content(turn["content"])} for turn in conversation
        ]  # images are encoded here, so that only those under way take memory
        reason = ""
        for _ in range(self.server.retries + 1):
            try:
                return _answer_of(self._request(messages, seed))
            except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
                raise ConfigurationError(
                    f"{self.server.base_url} refuses the key ({error.message}); set {KEY} to a "
                    "valid one."
                ) from None
            except openai.NotFoundError as error:
                raise ConfigurationError(
                    f"{self.server.base_url} does not know the model {self.server.model!r} or is "
                    f"no OpenAI-compatible address ({error.message}); it mostly ends in /v1."
                ) from None
            except openai.APIResponseValidationError as error:
                reason = f"no valid answer: {error}"
            except openai.APIError as error:  # asked again already, or a refusal of this request
                return refusal(error.message)
            except (json.JSONDecodeError, _NoAnswerError) as error:
                reason = f"no valid answer: {error}"
        return refusal(reason)

    def _request(self, messages: list[dict[str, Any]], seed: int) -> Any:
        create: Any = self.client.chat.completions.create
        return create(
            model=self.server.model,
            messages=messages,
            temperature=self.sampling.temperature,
            top_p=self.sampling.top_p,
            max_tokens=self.sampling.max_tokens,
            seed=seed,
        )


class _NoAnswerError(Exception):
    """The server sent something that is no chat completion."""


def require_key(captioner: str) -> None:
    """Raise ConfigurationError unless the environment has a key."""
    if not os.environ.get(KEY):
        raise ConfigurationError(
            f"{KEY} is not set, but the captioner {captioner} wants a key (needs_key); set it in "
            "the shell that starts the run, and start again: what is finished stays."
        )


def engine_version() -> str:
    """Version of the client library; the server's own is not told."""
    return openai.__version__


def image_url(image: Any) -> str:
    """A PIL image as a PNG data URL."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _content(content: Any) -> Any:
    """The content of a turn, with images as data URLs."""
    if isinstance(content, str):
        return content
    return [
        {"type": "image_url", "image_url": {"url": image_url(part["image_pil"])}}
        if part["type"] == "image_pil"
        else part
        for part in content
    ]


def _answer_of(completion: Any) -> Answer:
    try:
        choice = completion.choices[0]
        text, reason = choice.message.content, choice.finish_reason
    except (AttributeError, IndexError, TypeError):
        raise _NoAnswerError(str(completion)[:200]) from None
    if text is not None and not isinstance(text, str):
        raise _NoAnswerError(str(text)[:200])
    usage = getattr(completion, "usage", None)
    tokens = getattr(usage, "completion_tokens", None)
    return Answer(text or "", tokens if isinstance(tokens, int) else 0, reason)
