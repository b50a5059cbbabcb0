"""Confusion matrices of the segmentation models on the real test split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from groundsynth.figures.style import leave_room, nothing_to_draw, panels
from groundsynth.landcover import Legend
from groundsynth.segmentation.cells import Cell, read_cells
from groundsynth.segmentation.metrics import scores

WRITTEN_CELLS, WRITTEN_CLASSES, NAMED_CLASSES = 9, 12, 24
"""Percentages stand in the matrices, and names beside them, only while there is room."""
KEY_INCHES = 0.4
"""Height of the key of colours, where no percentages are written."""
SMALL_ABOVE, NEXT = 4, {False: " · ", True: "\n"}
"""Panels beside each other above which a title takes a line more."""


def draw_confusion(confusions: Sequence[Path], legend: Legend) -> Figure:
    """Where the pixels of each true class go, in percent of that class; one panel a training."""
    cells = read_cells(confusions, len(legend))
    if not cells:
        return nothing_to_draw("No segmentation model was trained, so there is no confusion.")
    written = len(cells) <= WRITTEN_CELLS and len(legend) <= WRITTEN_CLASSES
    columns = (4 if len(cells) in (4, 7, 8) else 3) if len(cells) <= WRITTEN_CELLS else 6
    size = 12.0 / columns
    small = columns > SMALL_ABOVE
    tall = size * (1.15 if small else 1.05)
    figure, places = panels(len(cells), columns, panel_height=tall, panel_width=size)
    for number, (axes, cell) in enumerate(zip(places, cells, strict=True)):
        image = _draw_matrix(axes, cell, written)
        beside, below = number % columns == 0, number + columns >= len(cells)
        _name_classes(axes, legend, beside, below)
        f1 = 100 * scores(cell.counts)["f1"]
        title = f"{cell.mix}\n{cell.architecture} · seed {cell.seed}"
        title += f"{NEXT[small]}macro F1 {f1:.1f}%"
        axes.set_title(title, fontsize=6 if small else 8.5)
    if not written:
        label = "percent of the true class"
        figure.set_figheight(figure.get_figheight() + KEY_INCHES)
        leave_room(figure, below=0.2)
        figure.colorbar(image, ax=places, label=label, location="bottom", shrink=0.4, aspect=40)
    return figure


def normalised(counts: np.ndarray) -> np.ndarray:
    """Counts [K, K], rows truth -> percent of each row; NaN for a class that never occurs."""
    truth = counts.sum(axis=1, keepdims=True).astype(np.float64)
    return 100 * np.divide(counts, truth, out=np.full(counts.shape, np.nan), where=truth > 0)


def _draw_matrix(axes: Axes, cell: Cell, written: bool) -> AxesImage:
    percent = normalised(cell.counts)
    image = axes.imshow(percent, vmin=0, vmax=100, cmap="Blues")
    axes.grid(False)
    axes.set_facecolor("#f1f1f1")
    if written:
        for (row, column), value in np.ndenumerate(percent):
            if np.isfinite(value):
                color = "white" if value > 55 else "#44505c"
                text = f"{value:.0f}"
                axes.text(column, row, text, ha="center", va="center", color=color, fontsize=6.5)
    return image


def _name_classes(axes: Axes, legend: Legend, beside: bool, below: bool) -> None:
    if len(legend) > NAMED_CLASSES:
        axes.set_xticks([])
        axes.set_yticks([])
        return
    ticks = np.arange(len(legend))
    axes.set_yticks(ticks, legend.names if beside else [""] * len(legend))
    names = legend.names if below else [""] * len(legend)
    axes.set_xticks(ticks, names, rotation=60, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0, labelsize=7)
    axes.set_ylabel("truth" if beside else "", fontsize=8)
    axes.set_xlabel("predicted" if below else "", fontsize=8)
