"""Samples of the same maps by generators that had different discriminators, below each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from groundsynth.errors import InputError
from groundsynth.figures.canvas import (
    GAP,
    MARGIN,
    Canvas,
    cell_size,
    entries_across,
    legend_height,
    mosaic,
)
from groundsynth.figures.style import class_patches
from groundsynth.landcover import Legend
from groundsynth.segmentation.populations import open_population
from groundsynth.shards import open_array

WIDTH, NAMES = 2440, 400
"""Pixels of the figure, and of the names at its left."""


def draw_discriminators(
    examples: Mapping[str, Path],
    shown: Sequence[str],
    images: Sequence[Path],
    masks: Sequence[Path],
    indices: Sequence[Path],
    legend: Legend,
) -> Figure:
    """Rows: maps of the patches ``shown``, their real images, and ``examples`` (shards) by name.

    Raises InputError when a patch is missing or a shard has another number of samples.
    """
    real = open_population(images, masks, indices, real=True)
    places = {patch: row for row, patch in enumerate(real.ids)}
    missing = [patch for patch in shown if patch not in places]
    if missing:
        raise InputError(f"No index lists the patch {missing[0]}; measure on these shards again.")
    rows = np.asarray([places[patch] for patch in shown])
    maps = real.masks.gather(rows)
    strips = {"Map": legend.colorize(maps), "Real image": real.images.gather(rows)}
    for name, path in examples.items():
        made = np.asarray(open_array(path, dimensions=4))
        if len(made) != len(shown):
            raise InputError(
                f"{path} holds {len(made)} samples for {len(shown)} maps; measure again."
            )
        strips[f"Against {name}"] = made
    return _compose(strips, legend, maps)


def _compose(strips: Mapping[str, np.ndarray], legend: Legend, maps: np.ndarray) -> Figure:
    count, patch = len(maps), maps.shape[1]
    size = cell_size(patch, (WIDTH - NAMES - 2 * MARGIN) // count - GAP)
    gap = max(1, GAP * patch // size)
    wide = round((count * (patch + gap) - gap) * size / patch)
    entries = class_patches(legend, [maps])
    width = NAMES + wide + 2 * MARGIN
    across = entries_across(entries, width)
    height = MARGIN + len(strips) * (size + GAP) + legend_height(entries, across)
    canvas = Canvas(width, height)
    for number, (name, images) in enumerate(strips.items()):
        top = MARGIN + number * (size + GAP)
        canvas.text(MARGIN, top + size / 2, name, 10, weight="bold", va="center")
        canvas.picture(mosaic(images, count, gap), MARGIN + NAMES, top, wide, size)
    canvas.legend(entries, across)
    return canvas.figure
