"""The funnel: from candidates to kept patches, over all and in each tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from groundsynth.figures.style import OTHER, QUIET, new_figure, nothing_to_draw
from groundsynth.figures.table_files import read_csv
from groundsynth.patches.filters import (
    IMAGERY_MISSING,
    LABELS_MISSING,
    NEAR_OTHER_SPLIT,
    NOT_LISTED,
    WATER,
)

KEPT = "#0072b2"
LOOKS = {
    LABELS_MISSING: ("labels missing", "#cccccc"),
    IMAGERY_MISSING: ("imagery missing", "#e69f00"),
    WATER: ("too much water", "#56b4e9"),
    NEAR_OTHER_SPLIT: ("near another split", "#cc79a7"),
    NOT_LISTED: ("not in the split file", "#d55e00"),
}
"""Words and colours (Okabe and Ito, and a light grey) of the reasons."""
DROPPED = "dropped_"
NAMED_TILES = 48
"""Above so many tiles their names would touch each other."""
Counts = Mapping[str, int]


def draw_funnel(funnel: Path) -> Figure:
    """Candidates, patches dropped by reason and kept ones (CSV of summarise-patches)."""
    rows = read_csv(funnel)[1]
    counts = {row["tile"]: {k: int(v) for k, v in row.items() if k != "tile"} for row in rows}
    total = counts.pop("total", None)
    if total is None or not total["candidates"]:
        return nothing_to_draw("There was no candidate for a patch.")
    reasons = [name for name in total if name.startswith(DROPPED) and total[name]]
    cut = {name: entry for name, entry in counts.items() if entry["candidates"]}
    figure = new_figure(height=1.5 + 0.32 * (len(reasons) + 2) + 2.8)
    upper, lower = figure.subplots(2, 1, height_ratios=[0.32 * (len(reasons) + 2) + 0.5, 2.8])
    _draw_steps(upper, total, reasons)
    _draw_tiles(lower, cut, reasons, len(counts) - len(cut))
    return figure


def _look(reason: str) -> tuple[str, str]:
    name = reason.removeprefix(DROPPED)
    return LOOKS.get(name, (name.replace("_", " "), OTHER))


def _draw_steps(axes: Axes, total: Counts, reasons: Sequence[str]) -> None:
    """Bars one below the other; what each reason takes begins where the one before ended."""
    steps = [("candidates", total["candidates"], 0, QUIET)]
    left = total["candidates"]
    for reason in reasons:
        left -= total[reason]
        words, color = _look(reason)
        steps.append((f"dropped: {words}", total[reason], left, color))
    steps.append(("kept", total["kept"], 0, KEPT))
    names, sizes, starts, colors = (list(column) for column in zip(*steps, strict=True))
    places = np.arange(len(steps))
    axes.barh(places, sizes, left=starts, color=colors, height=0.72)
    for place, (size, start) in enumerate(zip(sizes, starts, strict=True)):
        text = f" {size:,} ({100 * size / total['candidates']:.1f}%)"
        axes.text(start + size, place, text, va="center", fontsize=8)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlim(0, total["candidates"] * 1.14)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("patches")
    axes.set_title("From candidates to kept patches")


def _draw_tiles(
    axes: Axes, tiles: Mapping[str, Counts], reasons: Sequence[str], absent: int
) -> None:
    """Each tile's candidates in percent, stacked; the tiles in order of what is kept."""
    names = sorted(tiles, key=lambda name: -tiles[name]["kept"] / tiles[name]["candidates"])
    places, bottom = np.arange(len(names)), np.zeros(len(names))
    for key in ["kept", *reasons]:
        words, color = ("kept", KEPT) if key == "kept" else _look(key)
        share = np.array([100 * tiles[n][key] / tiles[n]["candidates"] for n in names])
        axes.bar(places, share, 0.9, bottom=bottom, color=color, label=words)
        bottom += share
    named = len(names) <= NAMED_TILES
    axes.set_xticks(places if named else [], names if named else [])
    axes.tick_params(axis="x", length=0, rotation=90 if len(names) > 10 else 0)
    if not named:
        axes.set_xlabel(f"{len(names):,} tiles in order of the share kept")
    middle, half = (len(names) - 1) / 2, max(len(names), 4) / 2 + 0.2
    axes.set_xlim(middle - half, middle + half)
    axes.set_ylim(0, 100)
    axes.set_ylabel("percent of a tile's candidates")
    axes.grid(False, axis="x")
    besides = f"; {absent:,} more without imagery" if absent else ""
    title = f"Each of {len(names):,} tiles" if len(names) > 1 else "One tile"
    axes.set_title(title + besides)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
