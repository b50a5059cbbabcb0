"""Noun phrases of land-cover classes: known ones for the seven default classes, general others.

A class name is plain text of any kind; it is never parsed, only set into a phrase.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Noun:
    """A noun phrase. In a format string ``{x}`` is the text, ``{x:lies|lie}`` the verb for it."""

    text: str
    plural: bool = False

    def __format__(self, forms: str) -> str:
        if not forms:
            return self.text
        singular, _, plural = forms.partition("|")
        return plural if self.plural else singular


KNOWN: dict[str, tuple[Noun, ...]] = {
    "tree": (
        Noun("forest"),
        Noun("woodland"),
        Noun("trees", plural=True),
        Noun("wooded land"),
        Noun("wooded ground"),
    ),
    "shrub": (
        Noun("shrubland"),
        Noun("shrubs", plural=True),
        Noun("scrub"),
        Noun("shrubby land"),
    ),
    "grass": (
        Noun("grassland"),
        Noun("grass"),
        Noun("grassy land"),
        Noun("grassy ground"),
    ),
    "crop": (
        Noun("cropland"),
        Noun("crops", plural=True),
        Noun("farmland"),
        Noun("crop fields", plural=True),
        Noun("cultivated land"),
    ),
    "built-up": (
        Noun("built-up land"),
        Noun("built-up areas", plural=True),
        Noun("developed land"),
        Noun("settlement"),
    ),
    "barren": (
        Noun("bare ground"),
        Noun("barren land"),
        Noun("bare soil"),
        Noun("barren ground"),
    ),
    "water": (Noun("water"), Noun("open water"), Noun("surface water")),
}


def noun_for(name: str, rng: random.Random) -> Noun:
    """A phrase for the class ``name``, one of several, drawn from ``rng``."""
    plain = " ".join(name.split())
    general = (
        Noun(f"areas of {plain}", plural=True),
        Noun(f"land classed as {plain}"),
        Noun(f"stretches of {plain}", plural=True),
        Noun(f"the class {plain}"),
    )
    return rng.choice(KNOWN.get(plain.casefold(), general))
