"""Samples over the whole range of distances beside their nearest training patches (figure 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from groundsynth.figures.canvas import GAP, HEAD, MARGIN, Canvas, cell_size
from groundsynth.figures.drawn_populations import DrawnPopulations
from groundsynth.figures.leak_pictures import rows_of
from groundsynth.figures.style import nothing_to_draw, population_color
from groundsynth.tables import read_provenance, read_table

CELL, TEXT, BETWEEN, WORDS = 220, 56, 40, 1040
"""Pixels: wanted side of a picture, height of the text below it, gap beside the sample, width of
the heading."""


@dataclass(frozen=True)
class Shown:
    """A sample, the percentage of other samples nearer to training patches, and its neighbours."""

    sample: str
    nearer_percent: float
    patches: list[str]
    distances: list[float]

    @property
    def place(self) -> str:
        """Where its distance stands among those of all samples."""
        if self.nearer_percent in (0, 100):
            return "nearest sample" if self.nearer_percent == 0 else "farthest sample"
        return f"{self.nearer_percent:.0f}% lie nearer"


def read_shown(path: Path) -> tuple[str, list[Shown]]:
    """The population of a table of the schema ``neighbours`` and its samples, in order."""
    rows = read_table(path, "neighbours").to_pylist()
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(row["id"], []).append(row)
    shown = []
    for name, found in grouped.items():
        found.sort(key=lambda row: row["rank"])
        patches, distances = ([row[key] for row in found] for key in ("patch_id", "distance"))
        shown.append(Shown(name, found[0]["nearer_percent"], patches, distances))
    return rows[0]["population"], shown


def draw_neighbours(tables: Sequence[Path], populations: DrawnPopulations) -> Figure:
    """For each population: a row a sample, at its right the nearest training patches."""
    if not tables:
        return nothing_to_draw("No leak audit was made: there is no sample to look at.")
    side = cell_size(populations.real.images.row_shape[0], CELL)
    found = [(*read_shown(path), read_provenance(path)) for path in tables]
    widths = [_width(side, shown) for _, shown, _ in found]
    deepest = max(len(shown) for _, shown, _ in found)
    tall = HEAD + deepest * (side + TEXT) + MARGIN
    canvas = Canvas(sum(widths) + (len(found) + 1) * MARGIN, tall)
    left = MARGIN
    for (population, shown, record), width in zip(found, widths, strict=True):
        limits = record["real_test"]["median"], record["threshold"]
        _draw_population(canvas, left, side, population, shown, limits, populations)
        left += width + MARGIN
    return canvas.figure


def _width(side: int, shown: Sequence[Shown]) -> int:
    """Pixels that the pictures of a population take beside each other."""
    deep = max(len(each.patches) for each in shown)
    return max(side + BETWEEN + deep * side + (deep - 1) * GAP, WORDS)


def _draw_population(
    canvas: Canvas,
    left: int,
    side: int,
    population: str,
    shown: Sequence[Shown],
    limits: tuple[float, float],
    populations: DrawnPopulations,
) -> None:
    """The samples of one population; ``limits``: median of the test patches, near-duplicates."""
    color = population_color(population)
    median, threshold = limits
    title = f"{population.capitalize()} samples beside their nearest training patches"
    remark = f"Distances of real test patches: median {_figure(median)}; "
    remark += f"near-duplicates (*) below {_figure(threshold)}"
    canvas.heading(left, title, remark, color)
    samples = populations.sampled()[population]
    rows = rows_of(samples, np.array([each.sample for each in shown]))
    own = [populations.conditions[row] for row in rows] if population == "conditional" else []
    for number, (each, image) in enumerate(zip(shown, samples.images.gather(rows), strict=True)):
        top = HEAD + number * (side + TEXT)
        canvas.picture(image, left, top, side, side)
        canvas.text(left, top + side + 6, each.place, 8, color=color)
        condition = own[number] if own else None
        texts = [
            _below(distance, threshold, patch == condition)
            for patch, distance in zip(each.patches, each.distances, strict=True)
        ]
        patches = populations.real.images.gather(rows_of(populations.real, np.array(each.patches)))
        for place, (patch, text) in enumerate(zip(patches, texts, strict=True)):
            x = left + side + BETWEEN + place * (side + GAP)
            canvas.picture(patch, x, top, side, side)
            canvas.text(x, top + side + 6, text, 8)


def _below(distance: float, threshold: float, own: bool) -> str:
    """What stands below a patch: its distance, and whether the sample was drawn from its map."""
    text = _figure(distance) + ("*" if distance < threshold else "")
    return text + (" · its map" if own else "")


def _figure(distance: float) -> str:
    """Three digits, zeros at the end too, so that distances in a row can be compared."""
    return f"{distance:#.3g}".rstrip(".")
