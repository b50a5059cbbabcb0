"""What the generators drew as their trainings went: the same seeds in one row for each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from groundsynth.errors import InputError
from groundsynth.figures.canvas import GAP, HEAD, MARGIN, Canvas
from groundsynth.figures.style import QUIET, nothing_to_draw, population_color
from groundsynth.gan.snapshots import COUNTS

WIDTH, LABEL = 2400, 190
"""Pixels of the drawing, and of the words at the left of each strip."""
LEAST_OF_ROOM = 0.85
"""Part of the room that a picture enlarged by a whole factor must take."""
FIXED = ("map", "real")
"""Rows that a conditional generator's strip begins with."""


@dataclass(frozen=True)
class Strip:
    """A training's strip, uint8 [H, W, 3], and what its rows show."""

    name: str
    image: np.ndarray
    rows: list[str]


def draw_progress(strips: Sequence[Path]) -> Figure:
    """The strips of all generators beside each other; times are numbers of images seen."""
    found = [read_strip(path) for path in strips]
    if not found:
        return nothing_to_draw("No generator was trained, so there is no progress to show.")
    room = WIDTH // len(found) - LABEL - MARGIN
    sizes = [enlarged(strip.image, room) for strip in found]
    canvas = Canvas(WIDTH, HEAD + max(height for _, height in sizes) + MARGIN)
    for number, (strip, (width, height)) in enumerate(zip(found, sizes, strict=True)):
        left = number * (WIDTH // len(found)) + LABEL
        canvas.heading(
            left, strip.name.capitalize(), "images seen at the left", population_color(strip.name)
        )
        canvas.picture(strip.image, left, HEAD, width, height)
        for row, word in enumerate(strip.rows):
            middle = HEAD + (row + 0.5) * height / len(strip.rows)
            canvas.text(left - GAP, middle, word, 8.5, color=QUIET, ha="right", va="center")
    return canvas.figure


def read_strip(path: Path) -> Strip:
    """The strip at ``path``, named by its folder; InputError where its rows are not described."""
    with Image.open(path) as file:
        words, image = str(file.info.get(COUNTS, "")).split(), np.asarray(file.convert("RGB"))
    if not words or len(image) % len(words):
        raise InputError(
            f"{path} does not say what its rows show; delete it and run the training again."
        )
    fixed = words.count("-")
    return Strip(path.parent.name, image, [*FIXED[:fixed], *map(spoken, words[fixed:])])


def spoken(images: str) -> str:
    """A number of images in few signs: 0, 512, 20 k, 1.6 M."""
    count = int(images)
    for unit, sign in ((1_000_000, " M"), (1000, " k")):
        if count >= unit:
            return f"{count / unit:.3g}{sign}"
    return images


def enlarged(image: np.ndarray, room: int) -> tuple[int, int]:
    """Width and height in pixels of an image that fits into ``room``.

    By a whole factor where that costs little of the room: a small picture is worse than a soft one.
    """
    factor = room / image.shape[1]
    whole = float(np.floor(factor))
    factor = whole if whole >= LEAST_OF_ROOM * factor else factor
    return round(image.shape[1] * factor), round(image.shape[0] * factor)
