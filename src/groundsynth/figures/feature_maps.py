"""Populations in the plane of a projection of their features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from groundsynth.figures.style import (
    bare,
    in_order,
    new_figure,
    nothing_to_draw,
    population_color,
)
from groundsynth.tables import read_provenance, read_table

METHODS = {"tsne": "t-SNE", "umap": "UMAP"}
PANEL = 5.0


def draw_projections(coordinates: Sequence[Path], seed: int) -> Figure:
    """Points of all populations, a panel a method; their order is shuffled with ``seed``, so that
    no population covers another."""
    if not coordinates:
        return nothing_to_draw("No projection was made: there is no sample to compare.")
    width = max(PANEL * len(coordinates), PANEL + 1)
    figure = new_figure(height=PANEL + 0.7, width=width)
    names: set[str] = set()
    places = figure.subplots(1, len(coordinates), squeeze=False)[0]
    for axes, path in zip(places, coordinates, strict=True):
        names.update(_draw_points(axes, path, seed))
    handles = [
        Line2D([], [], linestyle="", marker="o", color=population_color(name), label=name)
        for name in in_order(names)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=max(len(handles), 1))
    return figure


def _draw_points(axes: Axes, path: Path, seed: int) -> set[str]:
    """Draw one projection; returns the populations it holds."""
    table = read_table(path, "coordinates", ["population", "method", "x", "y"])
    populations = table["population"].to_pylist()
    order = np.random.default_rng(seed).permutation(len(table))
    colors = np.array([population_color(name) for name in populations])[order]
    x, y = table["x"].to_numpy()[order], table["y"].to_numpy()[order]
    size = float(np.clip(6000 / max(len(table), 1), 1.5, 12))
    axes.scatter(x, y, s=size, c=colors, alpha=0.7, linewidths=0)
    method = table["method"][0].as_py() if len(table) else path.stem
    axes.set_title(f"{METHODS.get(method, method)} of {len(table):,} images{_silhouette(path)}")
    bare(axes)
    axes.set_aspect("equal", adjustable="datalim")
    return set(populations)


def _silhouette(path: Path) -> str:
    """The overall silhouette score in the table's metadata, as a part of the title."""
    found = read_provenance(path).get("silhouette", {}).get("coordinates", {}).get("overall")
    return "" if found is None else f" · silhouette {found:.2f}"
