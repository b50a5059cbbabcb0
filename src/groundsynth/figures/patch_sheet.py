"""A contact sheet of real patches beside their land cover, some of each split, by chance alone."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from groundsynth.figures.canvas import (
    HEAD,
    MARGIN,
    Canvas,
    entries_across,
    legend_height,
    mosaic,
)
from groundsynth.figures.drawn_populations import DrawnPopulations
from groundsynth.figures.style import INK, SPLIT_COLORS, class_patches, nothing_to_draw
from groundsynth.landcover import Legend

ROWS, COLUMNS = 6, 6
"""Patches of all splits together; each split takes its part of the columns."""
WIDTH = 2440
GAPS_A_PATCH = 16


def draw_patches(populations: DrawnPopulations, legend: Legend, seed: int) -> Figure:
    """Patches of each split with their masks beside them, chosen by chance with ``seed``."""
    random = np.random.default_rng(seed)
    splits = np.asarray(populations.real.splits)
    groups = [name for name in SPLIT_COLORS if (splits == name).any()]
    if not groups:
        return nothing_to_draw("No patch was kept, so there is none to show.")
    columns = COLUMNS // len(groups)
    largest = max(int((splits == name).sum()) for name in groups)
    deep = min(ROWS, -(-largest // columns))
    sheets, remarks, shown = [], [], []
    for name in groups:
        rows = np.flatnonzero(splits == name)
        chosen = np.sort(random.choice(rows, min(ROWS * columns, len(rows)), replace=False))
        masks = populations.real.masks.gather(chosen)
        pairs = beside(populations.real.images.gather(chosen), legend.colorize(masks))
        sheets.append(_filled(pairs, columns, deep))
        shown.append(masks)
        remarks.append(f"{len(chosen):,} of {len(rows):,} patches, drawn by chance")
    return _compose(sheets, groups, remarks, legend, shown)


def beside(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """uint8 [N, H, 2 W + 1, 3]: each image, a white line, and its coloured mask."""
    line = np.full((*images.shape[:2], 1, 3), 255, np.uint8)
    return np.concatenate([images, line, masks], axis=2)


def _filled(pairs: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """A sheet of ``rows`` x ``columns`` pairs; white where there are fewer."""
    height = pairs.shape[1]
    blank = np.full((rows * columns - len(pairs), *pairs.shape[1:]), 255, np.uint8)
    return mosaic(np.concatenate([pairs, blank]), columns, gap=max(1, height // GAPS_A_PATCH))


def _compose(
    sheets: list[np.ndarray],
    names: list[str],
    remarks: list[str],
    legend: Legend,
    masks: list[np.ndarray],
) -> Figure:
    room = (WIDTH + MARGIN) // len(sheets) - MARGIN
    factor = room / sheets[0].shape[1]
    factor = np.floor(factor) if factor >= 1 else factor  # whole factors keep pixels square
    width, height = (round(sheets[0].shape[axis] * factor) for axis in (1, 0))
    whole = len(sheets) * (width + MARGIN) + MARGIN
    entries = class_patches(legend, masks)
    across = entries_across(entries, whole)
    canvas = Canvas(whole, HEAD + height + legend_height(entries, across))
    for number, name in enumerate(names):
        left = MARGIN + number * (width + MARGIN)
        canvas.heading(left, name.capitalize(), remarks[number], INK)
        canvas.picture(sheets[number], left, HEAD, width, height)
    canvas.legend(entries, across)
    return canvas.figure
