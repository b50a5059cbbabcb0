"""How the trainings of the generators went: losses, distance, overfitting, speed.

Signs of a discriminator that knows the real patches by heart: the mean sign of its logits on
them, and the strength of the augmentation that adapts to it (Karras et al. 2020, ADA).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from groundsynth.figures.style import bare, new_figure, nothing_to_draw
from groundsynth.figures.training_curves import (
    Curve,
    draw_curves,
    entitle,
    is_generator,
    read_curves,
    share_axes,
)
from groundsynth.tables import read_table

LOSSES, DISTANCE, SPEED = "losses", "Fréchet distance", "images a second"
KINDS = (LOSSES, DISTANCE, "overfitting", SPEED)
PANEL_HEIGHT = 2.6


def draw_generators(histories: Sequence[Path]) -> Figure:
    """A row a generator, a panel a kind of figure; a kind that no training has is left out.

    Panels below each other have the same range, but those of losses: each generator has its own.
    """
    found = {p.parent.name: curves_by_kind(p) for p in histories if is_generator(p)}
    kinds = [kind for kind in KINDS if any(curves[kind] for curves in found.values())]
    if not kinds:
        return nothing_to_draw("No generator was trained, so there is no history to show.")
    figure = new_figure(height=len(found) * PANEL_HEIGHT)
    grid = figure.subplots(len(found), len(kinds), squeeze=False)
    first: dict[str, Axes] = {}
    for row, (name, curves) in zip(grid, found.items(), strict=True):
        for axes, kind in zip(row, kinds, strict=True):
            if curves[kind]:
                share_axes(axes, axes if kind == LOSSES else first.setdefault(kind, axes), True)
                draw_curves(axes, curves[kind], points=7)
            else:
                axes.text(0.5, 0.5, "not measured", ha="center", transform=axes.transAxes)
                bare(axes)
            entitle(axes, f"{name} · {kind}", fontsize=9)
    for kind in (DISTANCE, SPEED):
        if kind in first:
            first[kind].set_ylim(bottom=0)
    return figure


def curves_by_kind(history: Path) -> dict[str, dict[str, Curve]]:
    """The figures of a training, sorted into kinds; those of no kind are left out."""
    sorted_curves: dict[str, dict[str, Curve]] = {kind: {} for kind in KINDS}
    for name, curve in read_curves(history).items():
        if kind := kind_of(name):
            sorted_curves[kind][name] = curve
    sorted_curves[SPEED] = speed(history)
    return sorted_curves


def kind_of(figure: str) -> str | None:
    """Kind of a figure of the history, by its name."""
    if figure.endswith("_loss"):
        return LOSSES
    if "frechet" in figure:
        return DISTANCE
    return "overfitting" if figure in ("augment_p", "real_sign") else None


def speed(history: Path) -> dict[str, Curve]:
    """Images a second in each tick: of the training alone, without what ticks and saving take."""
    table = read_table(history, "history", ["images", "seconds"])
    images, first = np.unique(table["images"].to_numpy(), return_index=True)
    seconds = table["seconds"].to_numpy()[first]
    taken = np.diff(seconds, prepend=0)
    rate = np.diff(images, prepend=0)[taken > 0] / taken[taken > 0]
    return {SPEED: (images[taken > 0], rate)} if len(rate) else {}
