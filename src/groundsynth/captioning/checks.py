"""What a model's answer is worth: cleaned to a caption, and given a status."""

from __future__ import annotations

import re
from typing import Literal

Status = Literal["ok", "empty", "truncated", "error"]

THOUGHT = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL | re.IGNORECASE)
SPECIAL = re.compile(
    r"<\|[a-z_]+\|>|</?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn|start_of_image|end_of_image)>",
    re.IGNORECASE,
)
PREAMBLE = re.compile(
    r"^(?:(?:sure|certainly|of course|okay|ok)[,.!]?\s+)?"
    r"(?:(?:here(?:'s| is|\u2019s)|this is)\s+(?:a|an|the|your)\s+(?:[\w-]+\s+){0,3}"
    r"(?:caption|description)[^:\n]{0,60}:"
    r"|(?:caption|description|answer|assistant|model)\s*:)\s*",
    re.IGNORECASE,
)
MARKS = re.compile(r"\*\*|`+|^#+\s+", re.MULTILINE)
QUOTES = (('"', '"'), ("'", "'"), ("\u201c", "\u201d"), ("\u2018", "\u2019"), ("«", "»"))


def clean_answer(raw: str) -> str:
    """The caption in an answer: one line, without thoughts, chat marks, preamble or quotes.

    Words of the caption itself are never changed; the answer as it came is kept beside it.
    """
    text = SPECIAL.sub(" ", THOUGHT.sub(" ", raw))
    text = " ".join(MARKS.sub("", text).split())
    text = PREAMBLE.sub("", text)
    return _unquote(text)


def status_of(caption: str, finish_reason: str | None) -> Status:
    """``empty`` without a letter or digit, ``truncated`` at the token limit, else ``ok``."""
    if not any(character.isalnum() for character in caption):
        return "empty"
    return "truncated" if finish_reason == "length" else "ok"


def _unquote(text: str) -> str:
    """Remove quotation marks around the whole text, but not ones that quote a part of it."""
    for first, last in QUOTES:
        inner = text[1:-1]
        whole = len(text) > 1 and text.startswith(first) and text.endswith(last)
        if whole and first not in inner and last not in inner:
            return inner.strip()
    return text
