"""Class shares of each population as bars (paper, figure 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from groundsynth.composition.ids import REAL
from groundsynth.composition.rare_classes import RARE_PERCENT
from groundsynth.composition.statistics import (
    jensen_shannon_distance,
    population_compositions,
    totals,
)
from groundsynth.figures.style import INK, class_color, in_order, new_figure, nothing_to_draw
from groundsynth.landcover import Legend

HATCHES = {"real": "", "unconditional": "////", "conditional": "...."}
BAR = 0.8
NAMED_CLASSES = 12
"""Above so many classes in a panel the figures over the bars would touch each other."""


def draw_composition(compositions: Sequence[Path], legend: Legend) -> Figure:
    """Share of each class in all labelled pixels of a population; rare classes once more, larger.

    Rare are classes below 5 % in the first population (the real one where there is one).
    """
    found = population_compositions(compositions, legend)
    populations = {name: totals(*found[name]) for name in in_order(found) if len(found[name][0])}
    if not populations:
        return nothing_to_draw("There is no composition to show.")
    first = next(iter(populations.values()))
    rare = np.flatnonzero(first < RARE_PERCENT)
    split = 0 < len(rare) < len(legend)
    widths = [max(len(legend), 3), max(len(rare), 3)] if split else [1]
    figure = new_figure(height=4.2)
    panels = figure.subplots(1, len(widths), squeeze=False, width_ratios=widths)[0]
    _draw_bars(panels[0], populations, np.arange(len(legend)), legend)
    panels[0].set_title("Share of each class in all labelled pixels")
    panels[0].set_ylabel("percent")
    if split:
        _draw_bars(panels[1], populations, rare, legend)
        panels[1].set_title(f"Classes below {RARE_PERCENT:g}% in {next(iter(populations))}")
    handles = [
        Patch(facecolor="white", edgecolor=INK, hatch=HATCHES.get(name, "xx"), label=label)
        for name, label in _labels(populations).items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _labels(populations: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Name of each population in the key, with the distance of its totals to the real ones."""
    labels = {name: name for name in populations}
    for name in set(populations) - {REAL} if REAL in populations else ():
        distance = jensen_shannon_distance(populations[name], populations[REAL])
        labels[name] = f"{name} (Jensen-Shannon distance to real {distance:.3f})"
    return labels


def _draw_bars(
    axes: Axes, populations: Mapping[str, np.ndarray], classes: np.ndarray, legend: Legend
) -> None:
    width = BAR / len(populations)
    for number, (name, shares) in enumerate(populations.items()):
        places = np.arange(len(classes)) - BAR / 2 + (number + 0.5) * width
        bars = axes.bar(
            places,
            shares[classes],
            width * 0.94,
            color=[class_color(legend, int(c)) for c in classes],
            edgecolor=[_contrast(legend, int(c)) for c in classes],
            linewidth=0,
            hatch=HATCHES.get(name, "xx"),
        )
        if len(classes) <= NAMED_CLASSES:
            labels = [f"{value:.2g}" if value < 10 else f"{value:.0f}" for value in shares[classes]]
            axes.bar_label(bars, labels, padding=2, fontsize=6.5)
    axes.set_xticks(np.arange(len(classes)), [legend.names[int(c)] for c in classes])
    axes.tick_params(axis="x", length=0, rotation=0 if len(classes) <= NAMED_CLASSES else 90)
    axes.grid(False, axis="x")
    axes.margins(x=0.02, y=0.12)


def _contrast(legend: Legend, number: int) -> str:
    """Black or white: the colour of a hatch that shows on the class's own colour."""
    red, green, blue = class_color(legend, number)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.45 else "white"
