"""Distances to the nearest training patch, and the pairs of sample and patch that lie nearest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
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
BINS = 40


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
    for number, path in enumerate(audits):
        audit = Audit.read(path)
        left = MARGIN + number * (BLOCK + MARGIN)
        _draw_distances(canvas, left, audit)
        samples = populations.sampled()[audit.population]
        _draw_pairs(canvas, left, (width, height), audit, samples, populations.real)
    return canvas.figure


def _draw_distances(canvas: Canvas, left: int, audit: Audit) -> None:
    color = population_color(audit.population)
    title = f"{audit.population.capitalize()}: distance to the nearest training patch"
    count = f"{len(audit.distances):,} samples, {len(audit.test):,} real test patches"
    canvas.heading(left, title, f"{count}; the line is the limit of near-duplicates", color)
    room = (BLOCK - 40, HISTOGRAM - 90)
    bottom = canvas.height - HEAD - room[1]
    axes = canvas.figure.add_axes(
        (
            (left + 20) / canvas.width,
            bottom / canvas.height,
            room[0] / canvas.width,
            room[1] / canvas.height,
        )
    )
    top = float(max(audit.distances.max(), audit.test.max(), 1e-6))
    bins = np.linspace(0, top, BINS + 1).tolist()
    shown = (
        (audit.distances, color, "samples"),
        (audit.test, population_color("real"), "real test"),
    )
    for values, shade, label in shown:
        weights = np.full(len(values), 100 / len(values))
        axes.hist(values, bins, weights=weights, color=shade, alpha=0.55, label=label)
    axes.axvline(audit.threshold, color="black", linewidth=1)
    axes.legend(loc="upper right")
    axes.set_yticks([])


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
