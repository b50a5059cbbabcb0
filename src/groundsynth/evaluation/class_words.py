"""The words by which captions name the classes of a legend, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from groundsynth.evaluation.caption_tokens import phrase_table

LANDFORMS = (
    *("river valley", "river basin", "river bed", "river terrace", "river bank", "stream bed"),
    *("lake bed", "dry river", "dry stream", "tree line", "timber line", "field of view"),
    *("barren of", "bare of", "water erosion", "water eroded", "water carved"),
)
"""Phrases with a word of a class that do not say that the class covers any ground."""


@dataclass(frozen=True)
class Mention:
    """Tokens ``start`` to ``end`` (exclusive) name a class; ``denied``: they deny it (treeless)."""

    start: int
    end: int
    label: int
    denied: bool = False


class ClassWords:
    """Finds the classes of a legend in tokens, singular or plural.

    ``synonyms`` maps class names to words and phrases; a class is also found by its own name,
    which is never another one's synonym. Names of classes outside the legend are left alone.
    """

    def __init__(self, names: Sequence[str], synonyms: Mapping[str, Sequence[str]]) -> None:
        self.names = tuple(names)
        own = {_plain(name): label for label, name in enumerate(names)}
        labels: dict[str, int] = {}
        for name, label in own.items():
            labels |= dict.fromkeys(inflections(name), label)
        for label, name in enumerate(names):
            for synonym in synonyms.get(name, ()):
                for form in inflections(_plain(synonym)):
                    labels.setdefault(form, label)
        for phrase in LANDFORMS:
            for form in inflections(phrase):
                labels.setdefault(form, -1)
        self.labels = {tuple(form.split()): label for form, label in labels.items()}
        self.phrases = phrase_table(list(labels))

    def find(self, tokens: list[str]) -> list[Mention]:
        """The mentions in a sentence, in order; the longest phrase counts."""
        found, place = [], 0
        while place < len(tokens):
            mention = self._at(tokens, place)
            if mention is not None and mention.label >= 0:
                found.append(mention)
            place = place + 1 if mention is None else mention.end
        return found

    def _at(self, tokens: list[str], place: int) -> Mention | None:
        for phrase in self.phrases.get(tokens[place], ()):
            end = place + len(phrase)
            if tuple(tokens[place:end]) == phrase:
                return Mention(place, end, self.labels[phrase])
        stem = tokens[place].removesuffix("less")
        label = self.labels.get((stem,), -1)
        if stem != tokens[place] and label >= 0:
            return Mention(place, place + 1, label, denied=True)
        return None


def inflections(phrase: str) -> list[str]:
    """A phrase and its plurals: ``city`` -> city, citys, cityes, cities (no rule, all forms)."""
    forms = [phrase, f"{phrase}s", f"{phrase}es"]
    return [*forms, f"{phrase[:-1]}ies"] if phrase.endswith("y") else forms


def _plain(name: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", name.casefold()))
