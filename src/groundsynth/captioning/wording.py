"""The words of one caption: a phrase drawn for each class, figures, lists, sentence ends."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from groundsynth.captioning.nouns import Noun, noun_for
from groundsynth.captioning.percentages import figure, present

APPROXIMATE = ("", "", "about ", "roughly ", "around ", "some ")


@dataclass(frozen=True)
class Scene:
    """What a caption may speak of.

    ``shares`` [K] in percent of the labelled pixels, ``unlabelled`` in percent of all pixels,
    ``names`` of the K classes, ``decimals`` of percentages.
    """

    shares: Sequence[float]
    unlabelled: float
    names: Sequence[str]
    decimals: int


class Wording:
    """Draws words for one scene; the same seed draws the same words."""

    def __init__(self, scene: Scene, seed: str) -> None:
        self.scene = scene
        self.rng = random.Random(seed)
        self.order = present(list(scene.shares))
        self.nouns = {index: noun_for(scene.names[index], self.rng) for index in self.order}
        self.told_place: set[int] = set()
        self.told_share: set[int] = set()

    def absent(self, index: int) -> Noun:
        """A phrase for a class that does not occur."""
        return noun_for(self.scene.names[index], self.rng)

    def draw(self, choices: Sequence[str]) -> str:
        """One of ``choices``."""
        return self.rng.choice(choices)

    def happens(self, probability: float) -> bool:
        """True with the given probability."""
        return self.rng.random() < probability

    def share(self, index: int) -> float:
        """Share of a class in percent."""
        return float(self.scene.shares[index])

    def figure(self, index: int) -> str:
        """Percentage of a class."""
        return figure(self.share(index), self.scene.decimals)

    def approximate(self, index: int) -> str:
        """Percentage of a class, at times with a word of caution."""
        text = self.figure(index)
        if self.scene.decimals or not text[0].isdigit():
            return text
        return self.draw(APPROXIMATE) + text

    def quoted(self, indices: Sequence[int]) -> str:
        """``forest (40%), water (21%) and grassland (7%)``."""
        return join([f"{self.nouns[index]} ({self.figure(index)})" for index in indices])

    def group(self, indices: Sequence[int], text: str) -> Noun:
        """``text`` as one noun phrase that agrees with its verb."""
        return Noun(text, plural=len(indices) > 1 or self.nouns[indices[0]].plural)


def join(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def finish(text: str) -> str:
    """Sentences, one a line, in their final form: capital first, full stop last."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return " ".join(f"{line[:1].upper()}{line[1:].rstrip('.')}." for line in lines if line)
