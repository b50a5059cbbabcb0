"""Reliability diagrams: how often the segmentation models are right, by how sure they are.

Guo et al. 2017, from the counts that the test of each model kept; a panel a mix, a line an
architecture, its seeds together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from groundsynth.figures.style import LINE, QUIET, SERIES_COLORS, nothing_to_draw, panels
from groundsynth.segmentation.quality_scores import (
    BINS,
    calibration_counts,
    expected_calibration_error,
)

COLUMNS, FEWEST = 3, 100
"""Panels beside each other, and pixels below which a bin says too little to be drawn."""

Counts = dict[str, dict[str, np.ndarray]]
"""Mix -> architecture -> counts [3, BINS]: pixels, those right, sum of their probabilities."""


def draw_reliability(qualities: Sequence[Path], classes: int) -> Figure:
    """Share of right pixels against mean probability in bins of it; mixes as they were given."""
    counts = counts_by_mix(qualities, classes)
    if not counts:
        return nothing_to_draw("No segmentation model was trained, so there is no calibration.")
    names = list(dict.fromkeys(name for found in counts.values() for name in found))
    colors = {name: SERIES_COLORS[n % len(SERIES_COLORS)] for n, name in enumerate(names)}
    below = 0.2 * -(-len(names) // 2)
    figure, places = panels(len(counts), COLUMNS, panel_height=4.3 + below, panel_width=4.2)
    for axes, (mix, found) in zip(places, counts.items(), strict=True):
        axes.set_title(mix)
        _draw_mix(axes, found, colors)
    return figure


def counts_by_mix(qualities: Sequence[Path], classes: int) -> Counts:
    """The counts of all test patches and seeds of each mix and architecture, summed."""
    found: Counts = {}
    for (mix, architecture, _), counts in calibration_counts(qualities, classes).items():
        held = found.setdefault(mix, {})
        held[architecture] = held.get(architecture, 0) + counts
    return found


def curve_of(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean probability and share of right pixels, in percent, of the bins with enough pixels."""
    pixels, right, sure = counts
    drawn = pixels >= FEWEST
    return 100 * sure[drawn] / pixels[drawn], 100 * right[drawn] / pixels[drawn]


def _draw_mix(axes: Axes, found: Mapping[str, np.ndarray], colors: Mapping[str, str]) -> None:
    pixels = sum(counts[0] for counts in found.values())
    width = 100 / BINS
    shares = 100 * pixels / max(pixels.sum(), 1)
    axes.bar(np.arange(BINS) * width, shares, width, align="edge", color=LINE, linewidth=0)
    axes.plot([0, 100], [0, 100], "--", color=QUIET, linewidth=1)
    for name, counts in found.items():
        error = expected_calibration_error(counts)
        label = name if error is None else f"{name} · error {100 * error:.1f}%"
        curve = curve_of(counts)
        axes.plot(*curve, "o-", markersize=3.5, color=colors[name], label=label, clip_on=False)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_xlabel("probability of the predicted class (%)")
    axes.set_ylabel("right pixels (%)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, fontsize=8)
