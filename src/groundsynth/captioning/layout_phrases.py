"""Phrases for places, courses and pieces of a map."""

from __future__ import annotations

import random

from groundsynth.captioning.courses import Course
from groundsynth.captioning.layout import ClassLayout, Place

COUNTS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

PLACES: dict[str, tuple[str, ...]] = {
    "edge": ("along the {adjective} edge", "on the {adjective} side", "at the {adjective} margin"),
    "corner": ("in the {adjective} corner", "in the far {direction}", "at the {adjective} corner"),
    "quarter": ("in the {direction}", "in the {adjective} part", "towards the {direction}"),
    "half": ("in the {adjective} half", "in the {direction}", "on the {adjective} side"),
    "centre": ("in the centre", "in the middle of the scene", "near the centre"),
    "rim": ("around the edges", "around the margins", "along the edges of the scene"),
    "lean": ("mainly in the {direction}", "mostly in the {adjective} half"),
    "throughout": ("throughout the scene", "across the whole scene", "all over the scene"),
}


def place_phrase(place: Place, rng: random.Random) -> str:
    """An adverbial phrase: ``along the eastern edge``."""
    template = rng.choice(PLACES[place.kind])
    return template.format(direction=place.direction, adjective=adjective(place.direction))


def adjective(direction: str) -> str:
    """``north-west`` -> ``north-western``."""
    return f"{direction}ern" if direction else ""


def course_phrase(course: Course, rng: random.Random) -> str:
    """Where a band or line runs: ``from the northern to the southern edge``."""
    first, second = course.ends if rng.random() < 0.5 else course.ends[::-1]
    if course.at_edges:
        return f"from the {adjective(first)} to the {adjective(second)} edge"
    if "-" in first:
        return f"from the {first} to the {second}"
    return f"from {first} to {second}"


def course_noun(course: Course, rng: random.Random) -> str:
    """``narrow winding strip`` or ``broad band``."""
    if course.kind == "band":
        return rng.choice(("broad band", "wide belt", "broad strip"))
    if course.winding:
        return rng.choice(("winding strip", "narrow winding band", "sinuous strip"))
    return rng.choice(("narrow strip", "thin line", "narrow band"))


def pieces_phrase(layout: ClassLayout, rng: random.Random) -> str:
    """How a class is broken up: ``in three separate patches``."""
    pieces = layout.pieces
    if pieces == 0:
        return rng.choice(("in scattered specks", "in tiny specks"))
    if pieces == 1:
        if layout.largest < 0.9:
            return "mostly in one block"
        return rng.choice(("in a single block", "in one continuous block", "in one piece"))
    if pieces > 10:
        return rng.choice(("in many small patches", "in numerous scattered patches"))
    if layout.largest >= 0.8:
        return rng.choice(("mostly in one large block", "largely in one block"))
    kind = rng.choice(("separate patches", "patches", "separate blocks", "pieces"))
    return f"in {COUNTS[pieces]} {kind}"
