"""Training histories of the models that judge: one small panel a training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from groundsynth.figures.style import SERIES_COLORS, nothing_to_draw, panels
from groundsynth.tables import read_table

SCORES = ("f1", "iou")
NAMES = {"f1": "F1", "iou": "IoU", "random_frechet_distance": "in random features"}
MOST_SERIES = 4
Curve = tuple[np.ndarray, np.ndarray]


def draw_histories(histories: Sequence[Path]) -> Figure:
    """The main figures of each training but the generators' against the images it has seen.

    Where a training measures validation scores they are shown, otherwise its losses. Panels of the
    same figures have the same ranges.
    """
    histories = [path for path in histories if not is_generator(path)]
    if not histories:
        return nothing_to_draw("No model was trained, so there is no history to show.")
    figures = {path: main_curves(read_curves(path)) for path in histories}
    columns = 3 if len(histories) <= 6 else 4 if len(histories) <= 12 else 6
    figure, places = panels(len(histories), columns, panel_height=2.6 if columns < 6 else 1.9)
    small = columns == 6
    first: dict[tuple[str, ...], Axes] = {}
    for axes, (path, curves) in zip(places, figures.items(), strict=True):
        share_axes(axes, first.setdefault(tuple(curves), axes))
        draw_curves(axes, curves, points=6 if small else 7)
        entitle(axes, title_of(path), fontsize=6.5 if small else 9)
    return figure


def share_axes(axes: Axes, first: Axes, only_y: bool = False) -> None:
    """Give ``axes`` the ranges of the ``first`` ones that show the same figures, and it theirs."""
    if axes is not first:
        axes.sharey(first)
        if not only_y:
            axes.sharex(first)


def entitle(axes: Axes, title: str, fontsize: float) -> None:
    """Write the title above the key, which stands above the curves and so covers none."""
    axes.set_title(title, fontsize=fontsize, pad=2.2 * fontsize)


def read_curves(path: Path) -> dict[str, Curve]:
    """Figure -> (images seen, values), in the order in which the figures first occur."""
    table = read_table(path, "history", ["images", "name", "value"])
    names = np.asarray(table["name"].to_pylist())
    images, values = table["images"].to_numpy(), table["value"].to_numpy()
    return {name: (images[names == name], values[names == name]) for name in dict.fromkeys(names)}


def main_curves(curves: dict[str, Curve]) -> dict[str, Curve]:
    """The scores among the figures, else the losses, else the first ones; at most four."""
    chosen = [name for name in SCORES if name in curves]
    chosen = (
        chosen or [name for name in curves if "loss" in name or "frechet" in name] or list(curves)
    )
    return {name: curves[name] for name in chosen[:MOST_SERIES]}


def title_of(path: Path) -> str:
    """Name of a training: its folders below ``results``, without the kind of model."""
    folders = path.parent.parts
    if "results" in folders:
        folders = folders[folders.index("results") + 1 :]
    if folders[:1] == ("segmentation",) and len(folders) > 2:
        mix, *rest = folders[1:-1]
        return mix + "\n" + " · ".join([*rest, f"seed {folders[-1]}"])
    if folders[:1] == ("gan",):
        return " · ".join([*folders[1:], "generator"])
    return "image-text model" if folders == ("clip",) else " · ".join(folders)


def is_generator(path: Path) -> bool:
    """Whether a history is a generator's, which has a picture of its own."""
    return path.parent.parent.name == "gan"


def draw_curves(axes: Axes, curves: dict[str, Curve], points: float) -> None:
    """Draw curves over thousands of images; text of so many ``points``."""
    if not curves:
        axes.text(0.5, 0.5, "no figures", ha="center", transform=axes.transAxes)
    for (name, (images, values)), color in zip(curves.items(), SERIES_COLORS, strict=False):
        marker = "o" if len(values) <= 30 else ""
        axes.plot(
            images / 1000,
            values,
            color=color,
            label=NAMES.get(name, name.replace("_", " ")),
            linewidth=1.3,
            marker=marker,
            markersize=2.5,
        )
    axes.tick_params(labelsize=points)
    axes.margins(y=0.15)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("thousand images", fontsize=points)
    if curves:
        axes.legend(
            fontsize=points,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=2,
            borderaxespad=0.2,
            borderpad=0,
            handlelength=1.4,
            columnspacing=1,
        )
