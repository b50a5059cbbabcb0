"""Class shares of the real patches in each split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from groundsynth.composition.ids import REAL
from groundsynth.composition.shares import read_composition
from groundsynth.composition.statistics import totals
from groundsynth.figures.style import SPLIT_COLORS, new_figure, nothing_to_draw
from groundsynth.landcover import Legend
from groundsynth.tables import read_table

BAR = 0.84
NAMED_CLASSES = 12
"""Above so many classes the figures over the bars would touch each other."""


def draw_split_shares(compositions: Sequence[Path], patches: Path, legend: Legend) -> Figure:
    """Share of each class in all labelled pixels of each split, and in how many patches it is.

    ``compositions``: tables of all populations; ``patches``: the index that tells the splits.
    """
    found = shares_by_split(compositions, patches, legend)
    if not found:
        return nothing_to_draw("There is no composition of real patches to show.")
    pixels = {split: totals(shares, unlabelled) for split, (shares, unlabelled) in found.items()}
    present = {
        split: 100.0 * np.count_nonzero(shares, axis=0) / len(shares)
        for split, (shares, _) in found.items()
    }
    figure = new_figure(height=5.6)
    upper, lower = figure.subplots(2, 1, sharex=True)
    _draw_bars(upper, pixels, legend)
    upper.set_title("Share of each class in all labelled pixels of a split")
    upper.set_ylabel("percent of pixels")
    _draw_bars(lower, present, legend)
    lower.set_title("Patches of a split in which the class occurs")
    lower.set_ylabel("percent of patches")
    labels = [f"{split}: {len(shares):,} patches" for split, (shares, _) in found.items()]
    handles = upper.containers
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def shares_by_split(
    compositions: Sequence[Path], patches: Path, legend: Legend
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Shares [N, K] and unlabelled shares [N] in percent of each split's patches; none empty."""
    index = read_table(patches, "real_index", ["patch_id", "split"])
    split_of = dict(zip(*(index[c].to_pylist() for c in ("patch_id", "split")), strict=True))
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {split: [] for split in SPLIT_COLORS}
    for path in compositions:
        table = read_composition(path, legend)
        rows = zip(table.ids, table.populations, strict=True)
        splits = np.array([split_of.get(i, "") if p == REAL else "" for i, p in rows], str)
        for split, part in parts.items():
            here = splits == split
            part.append((table.shares[here], table.unlabelled[here]))
    joined = {
        split: (np.concatenate([s for s, _ in part]), np.concatenate([u for _, u in part]))
        for split, part in parts.items()
        if part
    }
    return {split: pair for split, pair in joined.items() if len(pair[0])}


def _draw_bars(axes: Axes, values: Mapping[str, np.ndarray], legend: Legend) -> None:
    width = BAR / len(values)
    for number, (split, percent) in enumerate(values.items()):
        places = np.arange(len(legend)) - BAR / 2 + (number + 0.5) * width
        bars = axes.bar(places, percent, width * 0.94, color=SPLIT_COLORS[split])
        if len(legend) <= NAMED_CLASSES:
            labels = [f"{v:.2g}" if v < 10 else f"{v:.0f}" for v in percent]
            axes.bar_label(bars, labels, padding=2, fontsize=7)
    axes.set_xticks(np.arange(len(legend)), legend.names)
    axes.tick_params(axis="x", length=0, rotation=0 if len(legend) <= NAMED_CLASSES else 90)
    axes.grid(False, axis="x")
    axes.margins(x=0.02, y=0.14)
