"""Sentences on what a scene consists of, from the class shares alone.

A line break in a frame ends a sentence; class names hold none.
"""

from __future__ import annotations

from groundsynth.captioning.wording import Wording, finish, join

MAJOR = 5.0
MOST_MAJOR, MOST_MINOR = 4, 3
HALF = 50.0

EMPTY = (
    "No land cover is labelled in this scene.",
    "The scene carries no land-cover label.",
    "The land cover of this scene is unknown.",
)
ALONE = (
    "{a} {a:covers|cover} the entire scene",
    "the whole scene is covered by {a}",
    "the scene consists entirely of {a}",
    "{a} {a:is|are} the only land cover in the scene",
    "a uniform scene of {a}, without any other land cover",
    "{a} {a:takes|take} up all of the area",
    "all of the ground is covered by {a}",
    "the image shows {a} and nothing else",
    "{a} {a:fills|fill} the scene completely",
    "there is no land cover here but {a}",
)
DOMINANT = (
    "{a} {a:covers|cover} {p} of the scene",
    "{a} {a:dominates|dominate} the scene with {p}",
    "the scene is dominated by {a} ({p})",
    "{p} of the scene is covered by {a}",
    "{a} {a:makes|make} up {p} of this landscape",
    "{a} {a:is|are} the main land cover, at {p} of the area",
    "{a} {a:prevails|prevail}, covering {p} of the ground",
    "with {p} of the area, {a} {a:is|are} the dominant land cover",
    "most of the ground, {p}, is covered by {a}",
    "the landscape is dominated by {a}, which {a:takes|take} up {p}",
)
OVERWHELMING = (
    "{a} {a:is|are} by far the main land cover at {p}",
    "almost all of the scene is covered by {a} ({p})",
    "{a} {a:covers|cover} nearly everything ({p})",
    "the scene is almost entirely covered by {a} ({p})",
)
LARGEST = (
    "{a} {a:is|are} the largest land cover at {p}",
    "{a} {a:takes|take} the largest share, {p} of the area",
    "{a} {a:leads|lead} with {p} of the scene",
    "in this mixed scene {a} {a:comes|come} first with {p}",
    "no land cover reaches half of the scene: {a} {a:holds|hold} {p}",
    "the largest part of the scene, {p}, is covered by {a}",
    "{p} of a varied scene is covered by {a}",
)
SHARED = (
    "the scene is shared by {all}",
    "a mix of {all} covers the ground",
    "this mixed scene contains {all}",
    "the land is divided among {all}",
    "{all} make up a varied landscape",
)
PAIR = (
    "{a} ({p}) and {b} ({q}) share most of the scene",
    "the scene is mainly {a} ({p}) and {b} ({q})",
    "two land covers stand out, {a} with {p} and {b} with {q}",
)
REST = (
    ", followed by {rest}",
    ", with {rest}",
    ", ahead of {rest}",
    ", besides {rest}",
    ", alongside {rest}",
    ", while {rest} {rest:comes|come} next",
    "\nnext {rest:comes|come} {rest}",
    ", accompanied by {rest}",
)
REMAINDER = (
    ", and the rest belongs to {rest}",
    "\n{rest} {rest:makes|make} up the remainder",
    ", leaving the remainder to {rest}",
)
MINOR = (
    ", plus {quoted}",
    ", and also {quoted}",
    "\n{smaller} {quoted}",
    "; the rest is {quoted}",
)
MARGINAL = (
    ", plus {quoted}",
    ", with {minor} {each}below 5%",
    "; {minor} {minor:is|are} marginal",
    "; {minor} {minor:plays|play} a minor part",
    "\n{minor} {minor:covers|cover} little of the scene",
    "; {minor} {each}{minor:stays|stay} below 5%",
    "\nonly a small part is covered by {minor}",
)
TRACES = (
    ", plus {quoted}",
    ", with hardly any {minor}",
    "; {minor} {minor:is|are} barely present",
)
OTHERS = "other covers"
ABSENT = ("\nthere {x:is|are} no {x}", "; {x} {x:is|are} absent", ", but no {x}")
UNLABELLED = "; {u} is unlabelled and not counted"


def split_classes(words: Wording) -> tuple[list[int], list[int]]:
    """Classes of at least 5 % (always the first; at most four), and the other present ones."""
    major = [index for index in words.order if words.share(index) >= MAJOR][:MOST_MAJOR]
    major = major or words.order[:1]
    return major, [index for index in words.order if index not in major]


def opening(words: Wording) -> str:
    """Main clause on the first class."""
    first = words.order[0]
    share = words.share(first)
    frames: tuple[str, ...] = LARGEST if share < HALF else DOMINANT
    if share >= 90:
        frames = (*DOMINANT, *OVERWHELMING)
    template = words.draw(frames)
    return template.format(a=words.nouns[first], p=words.approximate(first))


def describe_composition(words: Wording) -> str:
    """One or two sentences on the class shares; nothing about where the classes lie."""
    if not words.order:
        return words.draw(EMPTY)
    if len(words.order) == 1:
        text = words.draw(ALONE).format(a=words.nouns[words.order[0]])
    else:
        text = _several(words)
    return finish(text + unlabelled_clause(words))


def unlabelled_clause(words: Wording) -> str:
    """A word on unlabelled pixels, which percentages leave out, where there are many."""
    if words.scene.unlabelled < MAJOR:
        return ""
    return UNLABELLED.format(u=f"{words.scene.unlabelled:.0f}%")


def _several(words: Wording) -> str:
    major, minor = split_classes(words)
    first = words.share(major[0])
    if len(major) >= 3 and first < 60 and words.happens(0.4):
        return words.draw(SHARED).format(all=words.quoted(major)) + _minor(words, minor)
    together = sum(words.share(index) for index in major[:2])
    if len(major) >= 2 and first < 70 and together >= 60 and words.happens(0.4):
        return _pair(words, major) + _minor(words, minor)
    text = opening(words)
    if len(major) > 1:
        rest = words.group(major[1:], words.quoted(major[1:]))
        frames = REST if minor else (*REST, *REMAINDER)
        text += words.draw(frames).format(rest=rest)
    return text + _minor(words, minor)


def _pair(words: Wording, major: list[int]) -> str:
    a, b = major[:2]
    text = words.draw(PAIR).format(
        a=words.nouns[a],
        b=words.nouns[b],
        p=words.figure(a),
        q=words.figure(b),
    )
    return text + (f", besides {words.quoted(major[2:])}" if major[2:] else "")


def _minor(words: Wording, minor: list[int]) -> str:
    if not minor:
        return _absent(words) if words.happens(0.15) else ""
    named = minor[:MOST_MINOR]
    more = [OTHERS] if len(minor) > MOST_MINOR else []
    largest = words.share(minor[0])
    frames = TRACES if largest < 1 else MARGINAL if largest < MAJOR else MINOR
    return words.draw(frames).format(
        minor=words.group(named, join([words.nouns[i].text for i in named] + more)),
        quoted=join([f"{words.nouns[i]} ({words.figure(i)})" for i in named] + more),
        smaller="smaller parts are" if len(minor) > 1 else "a smaller part is",
        each="each " if len(minor) > 1 else "",
    )


def _absent(words: Wording) -> str:
    missing = [i for i in range(len(words.scene.names)) if words.share(i) <= 0]
    if not missing:
        return ""
    noun = words.absent(words.rng.choice(missing))
    return words.draw(ABSENT).format(x=noun)
