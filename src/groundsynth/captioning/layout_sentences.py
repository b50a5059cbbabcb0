"""Sentences on a scene's composition and layout: shares, places, courses, pieces, pattern."""

from __future__ import annotations

from groundsynth.captioning.composition_sentences import (
    HALF,
    describe_composition,
    opening,
    split_classes,
    unlabelled_clause,
)
from groundsynth.captioning.layout import ClassLayout, Layout, Place
from groundsynth.captioning.layout_phrases import (
    course_noun,
    course_phrase,
    pieces_phrase,
    place_phrase,
)
from groundsynth.captioning.wording import Wording, finish, join

MOST_WORDS = 46

ONLY = (
    "an unbroken cover of {a} fills the scene",
    "{a} {a:covers|cover} the scene from edge to edge",
    "{a} {a:stretches|stretch} across the whole scene without interruption",
    "the scene is one continuous expanse of {a}",
    "nothing interrupts {a}, which {a:covers|cover} the entire scene",
    "{a} {a:extends|extend} over the whole image",
)
EXCEPT = (
    "{opening}, with {others}",
    "{opening}; the exception is {others}",
    "{opening}, broken only by {others}",
)
DIVIDED = (
    "the scene is split between {a} and {b}",
    "the scene falls into two parts, {a} and {b}",
    "{a} {a:faces|face} {b}",
    "two blocks share the scene: {a} and {b}",
)
MOSAIC = (
    "a mosaic of {all} covers the scene",
    "{all} form a patchwork of many small pieces",
    "the scene is a patchwork of {all}",
    "{all} alternate in small patches",
    "the land is broken into many patches of {all}",
)
WITH = (", with {others}", ", alongside {others}", ", together with {others}")
RIVER = (
    "a winding channel of water runs {route}",
    "a narrow band of water winds {route}",
    "a river-like strip of water runs {route}",
    "water follows a winding line {route}",
)
COURSE = (
    "a {strip} of {x} runs {route}",
    "{x} {x:forms|form} a {strip} {route}",
    "a {strip} of {x} stretches {route}",
    "{x} {x:extends|extend} in a {strip} {route}",
)
ENCLOSED = (
    "{x} {x:is|are} surrounded by {y}",
    "{x} {x:lies|lie} enclosed by {y}",
    "{y} {y:surrounds|surround} {x}",
)
PLACED = (
    "{x} {x:lies|lie} {place}",
    "{x} {x:is|are} found {place}",
    "{x} {x:appears|appear} {place}, {pieces}",
    "{x} {x:occurs|occur} {place}",
)
INVERTED = (
    "{place} {x:lies|lie} {x}",
    "{place} {x:there is|there are} {x}",
)
BROKEN = (
    "{x} {x:occurs|occur} {pieces}",
    "{x} {x:appears|appear} {pieces}",
    "{x} {x:lies|lie} {pieces}",
    "{x} {x:is|are} spread {place}",
)
"""The last is for a class that lies throughout the scene."""


def describe_layout(words: Wording, layout: Layout) -> str:
    """One or two sentences: the shares and where the main classes lie, then another feature."""
    if not layout.classes or words.scene.unlabelled > HALF:
        return describe_composition(words)
    by_index = {entry.index: entry for entry in layout.classes}
    first = finish(_first(words, layout, by_index) + unlabelled_clause(words))
    features = _features(words, by_index)
    words.rng.shuffle(features)
    for _, text in sorted(features, key=lambda feature: feature[0]):
        second = finish(text)
        if len(f"{first} {second}".split()) <= MOST_WORDS:
            return f"{first} {second}"
    return first


def _first(words: Wording, layout: Layout, by_index: dict[int, ClassLayout]) -> str:
    major, minor = split_classes(words)
    if len(words.order) == 1:
        words.told_place.update(words.order)
        return words.draw(ONLY).format(a=words.nouns[words.order[0]])
    placed = all(_is_telling(by_index[i].place) for i in major[:2])
    if layout.pattern == "divided" and placed and words.happens(0.6):
        two = [words.group([i], _located(words, by_index[i])) for i in major[:2]]
        words.told_place.update(major[:2])
        return words.draw(DIVIDED).format(a=two[0], b=two[1])
    if layout.pattern == "mosaic" and len(major) > 1 and words.happens(0.6):
        words.told_share.update(major)
        return words.draw(MOSAIC).format(all=words.quoted(major))
    others = (major[1:] or minor)[: 1 if words.happens(0.5) else 2]
    words.told_place.update(others)
    listed = words.group(others, join([_located(words, by_index[i]) for i in others]))
    text = opening(words) + _where_first(words, by_index[major[0]])
    if len(major) == 1:
        frames = EXCEPT if len(words.order) == 2 else EXCEPT[:1]
        return words.draw(frames).format(opening=text, others=listed)
    return text + words.draw(WITH).format(others=listed)


def _where_first(words: Wording, layout: ClassLayout) -> str:
    """Place of the first class, where it is telling and certain."""
    if layout.place is None or not _is_telling(layout.place) or words.happens(0.3):
        return ""
    if layout.place.kind == "lean":
        return ", " + place_phrase(layout.place, words.rng)
    return ", " + words.draw(("mostly ", "mainly ")) + place_phrase(layout.place, words.rng)


def _is_telling(place: Place | None) -> bool:
    return place is not None and place.kind != "throughout"


def _located(words: Wording, layout: ClassLayout) -> str:
    """``cropland (24%) along the southern edge``."""
    text = f"{words.nouns[layout.index]} ({words.figure(layout.index)})"
    if layout.place is None or layout.place.kind == "throughout":
        if layout.share < HALF and layout.pieces > 1 and words.happens(0.7):
            return f"{text} {pieces_phrase(layout, words.rng)}"
        return text
    return f"{text} {place_phrase(layout.place, words.rng)}"


def _features(words: Wording, by_index: dict[int, ClassLayout]) -> list[tuple[int, str]]:
    """Possible second sentences with their rank: courses and enclosures first, then the rest."""
    found: list[tuple[int, str]] = []
    for index in words.order:
        layout = by_index[index]
        if layout.share < 0.1:
            continue
        if layout.course:
            found.append((0, _course(words, layout)))
        elif layout.enclosed_by is not None and layout.pieces <= 2:
            found.append((1, _enclosed(words, layout)))
        if index not in words.told_place and index != words.order[0]:
            found.extend((2, text) for text in _plain(words, layout))
    return found


def _course(words: Wording, layout: ClassLayout) -> str:
    course = layout.course
    if course is None:
        return ""
    name = words.scene.names[layout.index].casefold()
    frames = RIVER if name == "water" and course.kind == "line" and course.winding else COURSE
    return words.draw(frames).format(
        x=words.nouns[layout.index],
        strip=course_noun(course, words.rng),
        route=course_phrase(course, words.rng),
    )


def _enclosed(words: Wording, layout: ClassLayout) -> str:
    surrounding = words.nouns[layout.enclosed_by if layout.enclosed_by is not None else 0]
    return words.draw(ENCLOSED).format(x=words.nouns[layout.index], y=surrounding)


def _plain(words: Wording, layout: ClassLayout) -> list[str]:
    """Place and pieces of a class that the first sentence left out, with its percentage."""
    noun = words.nouns[layout.index]
    if layout.index not in words.told_share:
        noun = words.group([layout.index], f"{noun} ({words.figure(layout.index)})")
    pieces = pieces_phrase(layout, words.rng)
    if layout.place is None:
        return [words.draw(BROKEN[:-1]).format(x=noun, pieces=pieces)]
    place = place_phrase(layout.place, words.rng)
    if layout.place.kind == "throughout":
        return [words.draw(BROKEN[-1:]).format(x=noun, place=place)]
    frames = PLACED if layout.place.kind == "lean" else (*PLACED, *INVERTED)
    return [words.draw(frames).format(x=noun, place=place, pieces=pieces)]
