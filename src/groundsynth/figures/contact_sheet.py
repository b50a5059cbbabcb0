"""Contact sheets: many patches and samples at a glance, chosen by chance alone."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from groundsynth.figures.canvas import HEAD, MARGIN, Canvas, mosaic
from groundsynth.figures.drawn_populations import DrawnPopulations
from groundsynth.figures.style import nothing_to_draw, population_color

ROWS, COLUMNS = 6, 18
"""Patches of all sheets together; each sheet takes its part of the columns."""
WIDTH = 2440
GAPS_A_PATCH = 32


def draw_samples(populations: DrawnPopulations, seed: int) -> Figure:
    """A sheet of real training patches beside one of each synthetic population."""
    random = np.random.default_rng(seed)
    train = populations.train_rows()
    if not len(train):
        return nothing_to_draw("There is no training patch to show.")
    groups = [("real", "patches of the train split", populations.real, train)]
    for name, found in populations.sampled().items():
        rows = np.arange(len(found.ids))
        groups.append((name, "samples", found, rows))
    columns = COLUMNS // len(groups)
    sheets, remarks = [], []
    for _, what, population, rows in groups:
        count = min(ROWS * columns, len(rows))
        chosen = np.sort(random.choice(rows, count, replace=False))
        images = population.images.gather(chosen)
        sheets.append(mosaic(images, columns, gap=max(1, images.shape[1] // GAPS_A_PATCH)))
        remarks.append(f"{count:,} of {len(rows):,} {what}, drawn by chance")
    return _compose(sheets, [name for name, *_ in groups], remarks)


def _compose(sheets: list[np.ndarray], names: list[str], remarks: list[str]) -> Figure:
    room = (WIDTH + MARGIN) // len(sheets) - MARGIN
    factor = room / sheets[0].shape[1]
    factor = np.floor(factor) if factor >= 1 else factor  # whole factors keep pixels square
    sizes = [(round(s.shape[1] * factor), round(s.shape[0] * factor)) for s in sheets]
    width, height = sizes[0][0], max(tall for _, tall in sizes)
    canvas = Canvas(len(sheets) * (width + MARGIN) + MARGIN, HEAD + height + MARGIN)
    for number, name in enumerate(names):
        left = MARGIN + number * (width + MARGIN)
        canvas.heading(left, name.capitalize(), remarks[number], population_color(name))
        canvas.picture(sheets[number], left, HEAD, *sizes[number])
    return canvas.figure
