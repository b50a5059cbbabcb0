"""A drawing surface in whole pixels, so that patches are enlarged by whole factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from groundsynth.figures.style import DPI, INK, QUIET, bare

HEAD = 104
"""Pixels that the headings over columns of pictures take."""
GAP, MARGIN, ENTRY_PIXELS = 16, 32, 44


class Canvas:
    """Pictures and text at pixel positions counted from the upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)

    def picture(self, image: np.ndarray, left: int, top: int, width: int, height: int) -> None:
        """Draw uint8 [H, W, 3]; pixels enlarged by a whole factor stay sharp squares."""
        bottom = self.height - top - height
        box = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(box)
        kind = "antialiased" if width % image.shape[1] else "nearest"
        axes.imshow(image, interpolation=kind, aspect="auto")
        bare(axes)

    def bar(self, left: int, top: int, width: int, height: int, color: str) -> None:
        """Draw a filled rectangle."""
        corner = (left / self.width, 1 - (top + height) / self.height)
        size = (width / self.width, height / self.height)
        self.figure.add_artist(Rectangle(corner, *size, color=color, linewidth=0))

    def heading(self, left: int, title: str, remark: str, color: str) -> None:
        """Write the heading of a column, and a remark below it."""
        self.heading_at(left, 0, title, remark, color)

    def heading_at(self, left: int, top: int, title: str, remark: str, color: str) -> None:
        """Write a heading whose HEAD pixels begin at ``top``."""
        self.text(left, top + 52, title, 10, weight="bold", color=color, va="baseline")
        self.text(left, top + 86, remark, 8.5, color=QUIET, va="baseline")

    def text(self, left: float, top: float, text: str, points: float = 9, **options: Any) -> None:
        """Write text whose upper left corner (by default) is at the given place."""
        options = {"ha": "left", "va": "top", "color": INK, "linespacing": 1.35, **options}
        place = (left / self.width, 1 - top / self.height)
        self.figure.text(*place, text, fontsize=points, **options)

    def legend(self, entries: Sequence[Patch], across: int) -> None:
        """Write a legend at the foot, ``across`` entries beside each other."""
        self.figure.legend(
            handles=list(entries),
            ncols=across,
            loc="lower left",
            bbox_to_anchor=(MARGIN / self.width, GAP / self.height),
            borderaxespad=0,
            borderpad=0,
            fontsize=9,
            columnspacing=1.6,
            handlelength=1.2,
            handleheight=1.2,
        )


def entries_across(entries: Sequence[Patch], width: int) -> int:
    """How many entries of the legend stand beside each other in ``width`` pixels."""
    longest = max(len(str(entry.get_label())) for entry in entries)
    return int(np.clip((width - 2 * MARGIN) // (90 + 16 * longest), 1, len(entries)))


def legend_height(entries: Sequence[Patch], across: int) -> int:
    """Pixels that a legend takes at the foot of a canvas."""
    return 2 * GAP + -(-len(entries) // across) * ENTRY_PIXELS


def cell_size(patch: int, wanted: int) -> int:
    """Pixels of a drawn patch: the whole multiple of ``patch`` near ``wanted``, if there is one."""
    for factor in (wanted // patch, wanted // patch + 1):
        if 0.85 * wanted <= factor * patch <= 1.2 * wanted:
            return factor * patch
    return wanted


def mosaic(images: np.ndarray, columns: int, gap: int) -> np.ndarray:
    """uint8 [N, H, W, 3] patches side by side in rows of ``columns``, white gaps between them."""
    count, height, width, _ = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for number, image in enumerate(images):
        y, x = (number // columns) * (height + gap), (number % columns) * (width + gap)
        sheet[y : y + height, x : x + width] = image
    return sheet
