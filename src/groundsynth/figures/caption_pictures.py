"""How long captions are, and which classes they name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from groundsynth.figures.style import (
    INK,
    LINE,
    QUIET,
    SERIES_COLORS,
    in_order,
    new_figure,
    nothing_to_draw,
    population_color,
)
from groundsynth.landcover import Legend
from groundsynth.tables import read_table

BATCH = 20_000
REACH = (5, 95)
"""Percentiles of caption length at the ends of the thin line; the thick one is the middle half."""

Key = tuple[str, str]
"""Captioner and population."""


def draw_captions(captions: Sequence[Path], groundings: Sequence[Path], legend: Legend) -> Figure:
    """Words a caption by captioner and population; classes named, beside those that are there.

    Captions that are empty or an error count nowhere. Without groundings only lengths are drawn.
    """
    lengths = caption_lengths(captions)
    if not lengths:
        return nothing_to_draw("There are no captions to show.")
    mentions = class_mentions(groundings)
    captioners = list(dict.fromkeys(captioner for captioner, _ in lengths))
    figure = new_figure(height=max(3.2, 0.3 * len(lengths) + 1.6))
    columns = 2 if mentions else 1
    axes = figure.subplots(1, columns, squeeze=False, width_ratios=[3, 4][:columns])[0]
    _draw_lengths(axes[0], lengths)
    if mentions:
        _draw_mentions(axes[1], mentions, captioners, legend)
    return figure


def caption_lengths(captions: Sequence[Path]) -> dict[Key, Counter[int]]:
    """(captioner, population) -> how many captions have so many words."""
    found: dict[Key, Counter[int]] = defaultdict(Counter)
    wanted = ["population", "captioner", "caption", "status"]
    for path in captions:
        for batch in read_table(path, "captions", wanted).to_batches(max_chunksize=BATCH):
            for row in batch.to_pylist():
                if row["status"] in ("ok", "truncated"):
                    words = len(row["caption"].split())
                    found[row["captioner"], row["population"]][words] += 1
    places = {name: n for n, name in enumerate(in_order({p for _, p in found}))}
    return {key: found[key] for key in sorted(found, key=lambda key: (key[0], places[key[1]]))}


def class_mentions(groundings: Sequence[Path]) -> dict[str, tuple[int, Counter[str], Counter[str]]]:
    """captioner -> captions, how many name a class, and in how many maps it should be seen.

    Named is what a caption affirms or calls little; a class that a caption names and the map
    holds, or that the caption should have named, is there.
    """
    captions: Counter[str] = Counter()
    named: dict[str, Counter[str]] = defaultdict(Counter)
    there: dict[str, Counter[str]] = defaultdict(Counter)
    wanted = ["captioner", "found", "invented", "missed"]
    for path in groundings:
        for batch in read_table(path, "grounding", wanted).to_batches(max_chunksize=BATCH):
            for row in batch.to_pylist():
                if row["found"] is None:
                    continue
                captions[row["captioner"]] += 1
                named[row["captioner"]].update([*row["found"], *row["invented"]])
                there[row["captioner"]].update([*row["found"], *row["missed"]])
    return {name: (count, named[name], there[name]) for name, count in captions.items()}


def _draw_lengths(axes: Axes, lengths: dict[Key, Counter[int]]) -> None:
    """A row each: median, middle half, and the percentiles of ``REACH``."""
    for row, ((_, population), counts) in enumerate(lengths.items()):
        words = np.repeat(list(counts), list(counts.values()))
        low, first, median, third, high = np.percentile(words, [REACH[0], 25, 50, 75, REACH[1]])
        color = population_color(population)
        axes.plot([low, high], [row, row], color=color, linewidth=1)
        axes.plot([first, third], [row, row], color=color, linewidth=6, solid_capstyle="butt")
        axes.plot([median], [row], "|", color=INK, markersize=9, markeredgewidth=1.5)
    names = [f"{captioner} · {population}" for captioner, population in lengths]
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("words a caption: median, middle half, 5th to 95th percentile")
    axes.set_title("Length of captions")
    axes.grid(False, axis="y")


def _draw_mentions(
    axes: Axes,
    mentions: dict[str, tuple[int, Counter[str], Counter[str]]],
    captioners: Sequence[str],
    legend: Legend,
) -> None:
    """Grey bars: maps that hold a class; a dot a captioner: captions that name it."""
    places = np.arange(len(legend))
    chosen = [name for name in captioners if name in mentions]
    width = 0.8 / len(chosen)
    for number, name in enumerate(chosen):
        count, named, there = mentions[name]
        x = places - 0.4 + (number + 0.5) * width
        seen, said = (
            [100 * found[label] / count for label in legend.names] for found in (there, named)
        )
        bar_label = "maps that hold it" if number == 0 else None
        axes.bar(x, seen, width * 0.9, color=LINE, label=bar_label)
        color = SERIES_COLORS[number % len(SERIES_COLORS)]
        axes.plot(x, said, "o", color=color, markersize=5, label=f"named by {name}")
    axes.set_xticks(places, legend.names)
    axes.tick_params(axis="x", length=0, rotation=0 if len(legend) <= 8 else 90)
    axes.set_ylabel("percent of captions", color=QUIET)
    axes.set_title("Classes that captions name, beside those in the maps")
    axes.grid(False, axis="x")
    axes.set_ylim(0, None)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3)
