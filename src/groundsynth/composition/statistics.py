"""Composition of whole populations, and how far a synthetic one is from the real one.

Totals are what the paper's figure 3 shows. The Jensen-Shannon distance (base 2, between 0 and 1)
compares, for each class, how its share is distributed over the images (a histogram: absent, then
BINS equal bins up to 100 %), and overall the totals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.distance import jensenshannon

from groundsynth.composition.ids import REAL
from groundsynth.composition.shares import read_composition
from groundsynth.landcover import Legend

BINS = 20
ALL_CLASSES = "all classes"


def totals(shares: np.ndarray, unlabelled: np.ndarray) -> np.ndarray:
    """Percent of all labelled pixels in each class, [K]; shares [N, K] and unlabelled [N] in %.

    Images are weighted by their labelled pixels (all have equal size). Zeros without images.
    """
    weights = 1.0 - np.asarray(unlabelled) / 100.0
    pixels = (np.asarray(shares) * weights[:, None]).sum(axis=0)
    return np.asarray(100.0 * pixels / max(pixels.sum(), 1e-12))


def jensen_shannon_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Distance of two histograms with equal bins: 0 equal, 1 without overlap (base 2).

    The histograms need not be normalised. Returns NaN when one of them is empty.
    Source: Endres and Schindelin 2003, a metric.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.sum() <= 0 or b.sum() <= 0:
        return float("nan")
    with np.errstate(invalid="ignore"):
        distance = float(jensenshannon(a, b, base=2))
    return 0.0 if np.isnan(distance) else distance  # rounded to a divergence just below 0


def share_histogram(shares: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Histogram of one class's share over images: absent, then ``bins`` equal bins to 100 %."""
    values = np.asarray(shares)
    present, _ = np.histogram(values[values > 0], bins=bins, range=(0.0, 100.0 + 1e-3))
    return np.concatenate([[np.count_nonzero(values <= 0)], present])


def compare_populations(
    compositions: Mapping[str, tuple[np.ndarray, np.ndarray]], names: Sequence[str]
) -> list[dict[str, str | int | float]]:
    """One row for each population and class, and one for all classes of a population.

    ``compositions``: population -> (shares [N, K], unlabelled [N]) in percent; ``names``: the K
    classes. Rows hold population, class, images, total_percent, present_percent (images in which
    the class occurs) and jensen_shannon_to_real (NaN without a real population).
    """
    rows: list[dict[str, str | int | float]] = []
    reference = compositions.get(REAL)
    for population, (shares, unlabelled) in compositions.items():
        total = totals(shares, unlabelled)
        for number, name in enumerate(names):
            share = shares[:, number]
            distance = float("nan")
            if reference is not None:
                distance = jensen_shannon_distance(
                    share_histogram(share), share_histogram(reference[0][:, number])
                )
            present = 100.0 * np.count_nonzero(share > 0) / max(len(share), 1)
            rows.append(_row(population, name, len(share), total[number], present, distance))
        overall = float("nan")
        if reference is not None:
            overall = jensen_shannon_distance(total, totals(*reference))
        rows.append(_row(population, ALL_CLASSES, len(shares), total.sum(), 100.0, overall))
    return rows


def population_compositions(
    paths: Sequence[Path], legend: Legend
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Read composition tables: population -> (shares [N, K], unlabelled [N]), ``real`` first."""
    parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for path in paths:
        found = read_composition(path, legend)
        labels = np.asarray(found.populations)
        for name in np.unique(labels):
            here = labels == name
            part = (found.shares[here], found.unlabelled[here])
            parts.setdefault(str(name), []).append(part)
    return {
        name: (np.concatenate([s for s, _ in part]), np.concatenate([u for _, u in part]))
        for name, part in sorted(parts.items(), key=lambda item: (item[0] != REAL, item[0]))
    }


def _row(
    population: str, name: str, images: int, total: float, present: float, distance: float
) -> dict[str, str | int | float]:
    return {
        "population": population,
        "class": name,
        "images": images,
        "total_percent": float(total),
        "present_percent": float(present),
        "jensen_shannon_to_real": distance,
    }
