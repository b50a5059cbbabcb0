"""One look for all figures: colours, fonts, saving.

Population and split colours are taken from palettes that people with colour blindness can tell
apart (Okabe and Ito; Tol, "muted"); classes have the colours of the legend.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch

from groundsynth.files import atomic
from groundsynth.landcover import UNLABELLED, Legend

DPI = 200
WIDTH = 12.0
"""Inches: a figure is 2400 pixels wide, and its text is readable when shown at 1200."""

INK, QUIET, LINE, PAPER = "#1d2733", "#5c6773", "#d5dae0", "#ffffff"
POPULATION_COLORS = {
    "real": "#0072b2",
    "unconditional": "#e69f00",
    "conditional": "#009e73",
}
SPLIT_COLORS = {"train": "#88ccee", "validation": "#ddcc77", "test": "#aa4499"}
SERIES_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
OTHER = "#888888"

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # captions and names may hold dollar signs
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#eceff2",
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw with the style of the figures; matplotlib's own settings come back afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # neither a user's settings file nor an earlier drawing counts
        matplotlib.rcParams.update(STYLE)
        yield


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure of the given size in inches."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def leave_room(figure: Figure, below: float = 0, above: float = 0) -> None:
    """Keep inches at the edges free, for words that the automatic layout would push over them."""
    height = figure.get_figheight()
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)  # as of new_figure
    engine.set(rect=(0, below / height, 1, 1 - (below + above) / height))


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG, atomically; equal drawings give equal bytes (no version, no time inside)."""
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})


def nothing_to_draw(sentence: str) -> Figure:
    """A figure that says in one sentence why there is nothing to see."""
    figure = Figure(figsize=(WIDTH, 1.6), dpi=DPI)
    figure.text(0.5, 0.5, sentence, ha="center", va="center", color=QUIET, fontsize=12)
    return figure


def population_color(population: str) -> str:
    """Colour of a population; grey for one that has none of its own."""
    return POPULATION_COLORS.get(population, OTHER)


def in_order(populations: Iterable[str]) -> list[str]:
    """Names of populations: real, unconditional, conditional, then any others."""
    found = set(populations)
    known = [name for name in POPULATION_COLORS if name in found]
    return [*known, *sorted(found - set(known))]


def class_color(legend: Legend, number: int) -> tuple[float, float, float]:
    """Colour of class ``number`` as fractions of 1."""
    red, green, blue = legend.color(number)
    return red / 255, green / 255, blue / 255


def class_patches(legend: Legend, masks: Sequence[np.ndarray] = ()) -> list[Patch]:
    """Legend entries of the classes, and of unlabelled pixels where ``masks`` hold any."""
    patches = [
        Patch(facecolor=class_color(legend, n), edgecolor=LINE, linewidth=0.5, label=name)
        for n, name in enumerate(legend.names)
    ]
    if any((mask == UNLABELLED).any() for mask in masks):
        patches.append(Patch(facecolor="black", edgecolor=LINE, label="not labelled"))
    return patches


def bare(axes: Axes) -> None:
    """Remove ticks, grid and frame, as for pictures."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def panels(
    count: int, columns: int, panel_height: float, panel_width: float | None = None
) -> tuple[Figure, list[Axes]]:
    """A figure with ``count`` panels in rows of at most ``columns``; (figure, axes in order).

    Sizes in inches; without ``panel_width`` the panels share the width of a figure.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    width = WIDTH if panel_width is None else columns * panel_width
    figure = new_figure(height=rows * panel_height, width=width)
    grid = figure.subplots(rows, columns, squeeze=False)
    axes = [axes for row in grid for axes in row]
    for unused in axes[count:]:
        unused.set_visible(False)
    return figure, axes[:count]
