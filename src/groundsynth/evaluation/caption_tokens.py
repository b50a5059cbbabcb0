"""Captions as tokens: small words, numbers and the marks that part clauses."""

from __future__ import annotations

import re

TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+|[%().,;:!?-]")
ENDS = frozenset(".!?")


def sentences_of(text: str) -> list[list[str]]:
    """The sentences of a caption, each as its tokens in small letters.

    Hyphens vanish between words ("built-up" is two tokens) and stay between numbers; dashes
    become semicolons; "n't" and "cannot" become "not".
    """
    plain = text.casefold().replace("\u2019", "'").replace("n't", " not")
    plain = re.sub(r"\bcannot\b", "can not", plain)
    plain = re.sub(r"(?<=\d)\s*[\u2013\u2014-]\s*(?=\d)", " - ", plain)
    plain = re.sub(r"\u2014|\s[\u2013-]\s(?!\d)", " ; ", plain)
    plain = re.sub(r"(?<=[^\W\d_])[\u2010\u2011\u2013-](?=[^\W\d_])", " ", plain)
    sentences: list[list[str]] = [[]]
    for token in TOKEN.findall(plain):
        if token in ENDS:
            sentences.append([])
        else:
            sentences[-1].append(token)
    return [sentence for sentence in sentences if sentence]


def word_set(words: str) -> frozenset[str]:
    """The words of a text, which are parted by blanks."""
    return frozenset(words.split())


def phrase_at(tokens: list[str], place: int, phrases: dict[str, list[tuple[str, ...]]]) -> int:
    """Length in tokens of the longest phrase that begins at ``place``; 0 if none does.

    ``phrases`` maps first words to phrases, longest first, as from ``phrase_table``.
    """
    for phrase in phrases.get(tokens[place], ()):
        if tuple(tokens[place : place + len(phrase)]) == phrase:
            return len(phrase)
    return 0


def phrase_table(phrases: list[str]) -> dict[str, list[tuple[str, ...]]]:
    """First word -> the phrases that begin with it, longest first."""
    table: dict[str, list[tuple[str, ...]]] = {}
    for phrase in phrases:
        words = tuple(phrase.split())
        table.setdefault(words[0], []).append(words)
    return {first: sorted(found, key=len, reverse=True) for first, found in table.items()}
