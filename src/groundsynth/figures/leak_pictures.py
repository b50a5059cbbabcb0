"""Distances to the nearest training patch, and the pairs of sample and patch that lie nearest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from groundsynth.figures.canvas import HEAD, MARGIN, Canvas
from groundsynth.figures.drawn_populations import DrawnPopulations
from groundsynth.figures.patch_sheet import beside
from groundsynth.figures.style import nothing_to_draw, population_color
from groundsynth.segmentation.populations import Population
from groundsynth.tables import read_provenance, read_table

ROWS, COLUMNS = 3, 3
"""Closest pairs shown of each population."""
BLOCK, HISTOGRAM, TEXT, GAP = 1170, 420, 40, 24
"""Width of a population's block, heights of its histogram and of a pair's text, in pixels."""
BINS, AXIS = 40, 90
"""Bars of a histogram, and pixels of the words at its left."""
KEY_ROOM = 1.2
"""Height of the axes in that of the bars: above them stands the key."""


@dataclass(frozen=True)
class Audit:
    """One table of the leak audit: its samples, and the test patches' distances."""

    population: str
    ids: np.ndarray
    nearest: np.ndarray
    distances: np.ndarray
    test: np.ndarray
    threshold: float

    @classmethod
    def read(cls, path: Path) -> Audit:
        """The audit in a table of the schema ``leak_audit``."""
        names = ("population", "id", "nearest_patch_id", "distance")
        table = read_table(path, "leak_audit", names)
        populations, ids, nearest, distances = (
            table[name].to_numpy(zero_copy_only=False) for name in names
        )
        real = populations == "real"
        rows = np.flatnonzero(~real)
        return cls(
            population=str(populations[rows[0]]),
            ids=ids[rows],
            nearest=nearest[rows],
            distances=distances[rows],
            test=distances[real],
            threshold=read_provenance(path)["threshold"],
        )


def draw_leaks(audits: Sequence[Path], populations: DrawnPopulations) -> Figure:
    """For each audited population: both histograms of distances, and the closest pairs."""
    if not audits:
        return nothing_to_draw("No leak audit was made: there is no sample to look at.")
    width = (BLOCK - (COLUMNS - 1) * GAP) // COLUMNS
    height = width // 2
    tall = HEAD + HISTOGRAM + HEAD + ROWS * (height + TEXT) + MARGIN
    canvas = Canvas(len(audits) * (BLOCK + MARGIN) + MARGIN, tall)
    found = [Audit.read(path) for path in audits]
    farthest = max(max(a.distances.max(), a.test.max(), 1e-6) for a in found)
    first: Axes | None = None
    for number, audit in enumerate(found):
        left = MARGIN + number * (BLOCK + MARGIN)
        first = _draw_distances(canvas, left, audit, float(farthest), first)
        samples = populations.sampled()[audit.population]
        _draw_pairs(canvas, left, (width, height), audit, samples, populations.real)
    assert first is not None
    first.set_ylim(0, KEY_ROOM * first.get_ylim()[1])
    return canvas.figure


def _draw_distances(
    canvas: Canvas, left: int, audit: Audit, farthest: float, first: Axes | None
) -> Axes:
    """Both histograms, in the ranges of the ``first`` ones, which are returned."""
    color = population_color(audit.population)
    title = f"{audit.population.capitalize()}: distance to the nearest training patch"
    count = f"{len(audit.distances):,} samples, {len(audit.test):,} real test patches"
    canvas.heading(left, title, f"{count}; the line is the limit of near-duplicates", color)
    room = (BLOCK - AXIS - 20, HISTOGRAM - 110)
    bottom = canvas.height - HEAD - room[1]
    axes = canvas.figure.add_axes(
        (
            (left + AXIS) / canvas.width,
            bottom / canvas.height,
            room[0] / canvas.width,
            room[1] / canvas.height,
        ),
        sharex=first,
        sharey=first,
    )
    bins = np.linspace(0, farthest, BINS + 1).tolist()
    shown = ((audit.distances, "samples"), (audit.test, "real test"))
    looks: tuple[dict[str, Any], ...] = (
        {"color": color, "alpha": 0.6},
        {"color": population_color("real"), "histtype": "step", "linewidth": 1.6},
    )
    for (values, label), look in zip(shown, looks, strict=True):
        weights = np.full(len(values), 100 / len(values))
        axes.hist(values, bins, weights=weights, label=label, **look)
    axes.axvline(audit.threshold, color="black", linewidth=1)
    axes.legend(loc="upper right", ncols=2, borderpad=0)
    axes.set_xlabel("distance in standardised features")
    axes.set_ylabel("percent of images")
    return first or axes


def _draw_pairs(
    canvas: Canvas,
    left: int,
    size: tuple[int, int],
    audit: Audit,
    samples: Population,
    real: Population,
) -> None:
    """The pairs at the smallest distances, ascending: sample, training patch, distance below."""
    top = HEAD + HISTOGRAM
    remark = "Left a sample, right the training patch nearest to it, with their distance"
    canvas.heading_at(left, top, "The closest pairs", remark, population_color(audit.population))
    chosen = np.lexsort((audit.ids, audit.distances))[: ROWS * COLUMNS]
    images = (
        samples.images.gather(rows_of(samples, audit.ids[chosen])),
        real.images.gather(rows_of(real, audit.nearest[chosen])),
    )
    for place, (pair, row) in enumerate(zip(beside(*images), chosen, strict=True)):
        down, across = divmod(place, COLUMNS)
        x = left + across * (size[0] + GAP)
        y = top + HEAD + down * (size[1] + TEXT)
        canvas.picture(pair, x, y, *size)
        canvas.text(x, y + size[1] + 6, f"{audit.distances[row]:.3g}", 8)


def rows_of(population: Population, ids: np.ndarray) -> np.ndarray:
    """Rows of a population at which these ids stand."""
    wanted = set(ids.tolist())
    places = {name: row for row, name in enumerate(population.ids) if name in wanted}
    return np.array([places[name] for name in ids], np.int64)
