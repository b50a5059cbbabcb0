"""Where the classes of a land-cover map lie: places, courses, pieces, and the overall pattern.

Row 0 of a mask is north, column 0 is west. Every statement has a condition on the map's pixels,
given beside the constants, so that a sentence built on it is true of the map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from groundsynth.captioning.courses import Course, find_course
from groundsynth.landcover import UNLABELLED

Pattern = Literal["uniform", "divided", "mosaic", "none"]
PlaceKind = Literal["edge", "corner", "quarter", "half", "centre", "rim", "lean", "throughout"]

EDGE = 0.85  # of the class within the outer quarter along one side, over half that side's length
CORNER = 0.75  # of the class in one quarter of the scene; its mean in the outer third: a corner
CENTRE = 0.75  # of the class in the middle half of height and width, its mean in the middle third
HALF = 0.80  # of the class in one half
RIM = 0.90  # of the class outside the middle 60 % of height and width
LEAN = 0.65  # of the class in one half
EVEN = 12  # of 16 equal cells hold the class at half its mean density or more: throughout
SPECK = 0.001  # of the scene: smaller pieces are not counted
UNIFORM = 90.0  # percent of one class
DIVIDED = 30.0  # percent of two classes each, each 80 % in one piece
MOSAIC_PIECES, MOSAIC_LARGEST = 20, 70.0  # pieces of classes above 3 %; percent of the first
ENCLOSED = 0.9  # of the pixels around a class that belong to one other
OPPOSITE = {"north": "south", "south": "north", "west": "east", "east": "west"}


@dataclass(frozen=True)
class Place:
    """A part of the scene; ``direction`` is a compass word or empty."""

    kind: PlaceKind
    direction: str = ""


@dataclass(frozen=True)
class ClassLayout:
    """Layout of one class: share in percent of the labelled pixels, pieces, place, course."""

    index: int
    share: float
    pieces: int
    largest: float
    place: Place | None
    course: Course | None
    enclosed_by: int | None


@dataclass(frozen=True)
class Layout:
    """Layouts of the classes that occur, largest share first, and the pattern they make."""

    classes: tuple[ClassLayout, ...]
    pattern: Pattern


def analyse_layout(mask: np.ndarray) -> Layout:
    """uint8 [H, W] class indices (255 not labelled) -> Layout; empty without labels."""
    counts = np.bincount(mask.ravel(), minlength=256)[:UNLABELLED]
    labelled = int(counts.sum())
    order = sorted(np.flatnonzero(counts), key=lambda index: (-counts[index], index))
    classes = tuple(
        _class_layout(mask, int(index), 100.0 * counts[index] / labelled) for index in order
    )
    return Layout(classes, _pattern(classes))


def find_place(member: np.ndarray) -> Place | None:
    """bool [H, W] pixels of one class -> the most telling true statement, or None."""
    total = int(member.sum())
    rows, columns = member.sum(axis=1) / total, member.sum(axis=0) / total
    return (
        _edge(rows, columns)
        or _middle(member, rows, columns)
        or _corner(member, rows, columns)
        or _half(rows, columns, HALF, "half")
        or _rim(member, total)
        or _even(member, total)
        or _half(rows, columns, LEAN, "lean")
    )


def _class_layout(mask: np.ndarray, index: int, share: float) -> ClassLayout:
    member = mask == index
    labels, found = ndimage.label(member, structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=found + 1)[1:]
    largest = int(sizes.argmax()) + 1
    part = sizes.max() / sizes.sum()
    narrow = 0.5 <= share <= 35.0 and part >= 0.6
    return ClassLayout(
        index=index,
        share=share,
        pieces=int((sizes >= SPECK * mask.size).sum()),
        largest=float(part),
        place=find_place(member) if share < UNIFORM else Place("throughout"),
        course=find_course(labels == largest) if narrow else None,
        enclosed_by=_enclosing(mask, member) if 0.5 <= share <= 40.0 else None,
    )


def _edge(rows: np.ndarray, columns: np.ndarray) -> Place | None:
    for profile, along, names in (
        (rows, columns, ("north", "south")),
        (columns, rows, ("west", "east")),
    ):
        quarter = max(1, len(profile) // 4)
        extent = np.count_nonzero(along) / len(along)
        for part, name in ((profile[:quarter], names[0]), (profile[-quarter:], names[1])):
            if part.sum() >= EDGE and extent >= 0.5:
                return Place("edge", name)
    return None


def _corner(member: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> Place | None:
    y, x = _mean(rows), _mean(columns)
    vertical, horizontal = ("north" if y < 0.5 else "south"), ("west" if x < 0.5 else "east")
    half_y, half_x = len(rows) // 2, len(columns) // 2
    top = slice(None, half_y) if vertical == "north" else slice(-half_y, None)
    side = slice(None, half_x) if horizontal == "west" else slice(-half_x, None)
    if half_y == 0 or half_x == 0 or member[top, side].sum() < CORNER * member.sum():
        return None
    outer = min(abs(y - 0.5), abs(x - 0.5)) > 1 / 6
    return Place("corner" if outer else "quarter", f"{vertical}-{horizontal}")


def _mean(profile: np.ndarray) -> float:
    """Mean position along a profile of sum 1, from 0 (north, west) to 1."""
    return float((profile * (np.arange(len(profile)) + 0.5)).sum()) / len(profile)


def _inner(member: np.ndarray, part: float) -> int:
    """Pixels of the class in the middle ``part`` of height and width."""
    height, width = member.shape
    y, x = round(height * (1 - part) / 2), round(width * (1 - part) / 2)
    return int(member[y : height - y, x : width - x].sum())


def _middle(member: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> Place | None:
    central = max(abs(_mean(rows) - 0.5), abs(_mean(columns) - 0.5)) <= 1 / 6
    if central and _inner(member, 0.5) >= CENTRE * member.sum():
        return Place("centre")
    return None


def _rim(member: np.ndarray, total: int) -> Place | None:
    if total - _inner(member, 0.6) < RIM * total:
        return None
    sides = (member[0].any(), member[-1].any(), member[:, 0].any(), member[:, -1].any())
    return Place("rim") if all(sides) else None


def _half(
    rows: np.ndarray, columns: np.ndarray, least: float, kind: Literal["half", "lean"]
) -> Place | None:
    north, west = float(rows[: len(rows) // 2].sum()), float(columns[: len(columns) // 2].sum())
    halves = {"north": north, "south": 1 - north, "west": west, "east": 1 - west}
    name = max(halves, key=lambda side: halves[side])
    return Place(kind, name) if halves[name] >= least else None


def _even(member: np.ndarray, total: int) -> Place | None:
    density = total / member.size
    cells = [
        cell.mean()
        for row in np.array_split(member, 4)
        for cell in np.array_split(row, 4, axis=1)
        if cell.size
    ]
    return Place("throughout") if sum(c >= density / 2 for c in cells) >= EVEN else None


def _enclosing(mask: np.ndarray, member: np.ndarray) -> int | None:
    """The class that surrounds ``member``; None where it meets the border or several classes."""
    border = (member[0].any(), member[-1].any(), member[:, 0].any(), member[:, -1].any())
    if any(border):
        return None
    around = mask[ndimage.binary_dilation(member) & ~member]
    counts = np.bincount(around, minlength=256)
    first = int(counts.argmax())
    return first if first != UNLABELLED and counts[first] >= ENCLOSED * len(around) else None


def _pattern(classes: tuple[ClassLayout, ...]) -> Pattern:
    if not classes:
        return "none"
    if classes[0].share >= UNIFORM:
        return "uniform"
    if sum(c.pieces for c in classes if c.share >= 3) >= MOSAIC_PIECES:
        return "mosaic" if classes[0].share <= MOSAIC_LARGEST else "none"
    two = classes[:2]
    if len(two) == 2 and all(c.share >= DIVIDED and c.largest >= 0.8 for c in two):
        return "divided"
    return "none"
