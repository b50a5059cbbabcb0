"""What every engine of language models takes and gives: conversations, sampling, answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

REFUSALS = 4
"""So many refused prompts and no accepted one: it is not the prompts."""

Conversation = list[dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    """Text, generated tokens, and why generation ended; ``error`` holds a refusal instead."""

    text: str
    tokens: int
    finish_reason: str | None
    error: str | None = None


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn; temperature 0 is greedy."""

    temperature: float
    top_p: float
    max_tokens: int


class ChatEngine(Protocol):
    """Answers conversations; one bad conversation costs only itself."""

    def answer(self, conversations: Sequence[Conversation], seeds: Sequence[int]) -> list[Answer]:
        """One answer for each conversation, in order."""


def refusal(reason: str) -> Answer:
    """The answer that stands for a conversation that was refused, by the reason's first line."""
    first = next((line for line in reason.splitlines() if line.strip()), "no reason given")
    return Answer("", 0, "error", first[:500])
