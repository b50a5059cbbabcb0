"""The map of patch footprints, coloured by split.

Across the antimeridian the map goes on beyond 180 degrees; its axis names the true longitudes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import ScalarFormatter

from groundsynth.figures.style import (
    INK,
    OTHER,
    QUIET,
    SPLIT_COLORS,
    WIDTH,
    leave_room,
    new_figure,
    nothing_to_draw,
)
from groundsynth.sources.grid import NAME, parse_tile
from groundsynth.tables import read_table

NAMED_TILES = 60
"""Above so many tiles their names would cover the map."""
TALLEST = 6.5
METRES_A_DEGREE = 111_320
"""Of longitude at the equator (WGS 84)."""
EDGES = 1.5
"""Inches that ticks, title and legend take."""


def draw_footprints(patches: Path) -> Figure:
    """Footprints of the patches (index with WKB geometry in EPSG:4326) over their tiles."""
    table = read_table(patches, "real_index", ["tile", "split", "geometry"])
    if not len(table):
        return nothing_to_draw("No patch was kept, so there is no footprint to draw.")
    polygons = unbroken(shapely.from_wkb(table["geometry"].to_numpy(zero_copy_only=False)))
    tiles = np.asarray(table["tile"].to_pylist())
    splits = np.asarray(table["split"].to_pylist())
    boxes = {str(tile): tile_box(str(tile), polygons[tiles == tile]) for tile in np.unique(tiles)}
    west, south = np.min([box[:2] for box in boxes.values()], axis=0)
    east, north = np.max([box[2:] for box in boxes.values()], axis=0)
    stretch = 1 / max(np.cos(np.radians((south + north) / 2)), 0.1)
    figure, axes = _map_axes((east - west), (north - south) * stretch)
    handles = _draw_splits(axes, polygons, splits)
    _draw_tiles(axes, boxes)
    border = 0.02 * max(east - west, north - south)
    axes.set_xlim(west - border, east + border)
    axes.set_ylim(south - border, north + border)
    axes.set_aspect(stretch)
    _draw_scale(axes, (south + north) / 2, east - west)
    tiles_named = "one tile" if len(boxes) == 1 else f"{len(boxes):,} tiles"
    axes.set_title(f"Footprints of {len(splits):,} patches on {tiles_named}")
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def unbroken(polygons: np.ndarray) -> np.ndarray:
    """Footprints in degrees, in one piece across the antimeridian.

    A footprint that spans more than 180 degrees is one across the antimeridian. All of them are
    moved where they span more than 180 degrees together and less after it.
    """
    found = polygons.copy()
    west, _, east, _ = shapely.bounds(found).T
    across = east - west > 180
    found[across] = shapely.transform(found[across], _eastwards)
    moved = shapely.transform(found, _eastwards)
    return moved if _width(moved) < _width(found) > 180 else found


def _eastwards(places: np.ndarray) -> np.ndarray:
    """Coordinates [N, 2] with 360 degrees added to negative longitudes."""
    return np.column_stack(
        [np.where(places[:, 0] < 0, places[:, 0] + 360, places[:, 0]), places[:, 1]]
    )


def _width(polygons: np.ndarray) -> float:
    west, _, east, _ = shapely.total_bounds(polygons)
    return float(east - west)


def tile_box(tile: str, polygons: Sequence[shapely.Geometry]) -> np.ndarray:
    """West, south, east, north of a tile in degrees, beyond 180 where its patches lie there.

    A tile named by its corner is 1 x 1 degree; of any other the bounds of its patches are taken.
    """
    bounds = shapely.total_bounds(polygons)
    if NAME.fullmatch(tile):
        south, west = parse_tile(tile)
        west += 360 if bounds[0] - west > 180 else 0
        return np.array([west, south, west + 1, south + 1], np.float64)
    return bounds


class Longitudes(ScalarFormatter):
    """Names of ticks: places beyond the antimeridian by their longitudes from -180 to 180."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The words of one tick."""
        return super().__call__(x - 360 if x > 180 else x + 360 if x < -180 else x, pos)


def _map_axes(across: float, up: float) -> tuple[Figure, Axes]:
    """A figure that fits a map of the given proportions, within width and height."""
    height = (WIDTH - EDGES) * up / across
    width = WIDTH
    if height > TALLEST:
        height, width = TALLEST, max(TALLEST * across / up + EDGES, WIDTH / 2)
    figure = new_figure(height=height + EDGES, width=width)
    leave_room(figure, above=0.12)
    axes = figure.add_subplot()
    axes.xaxis.set_major_formatter(Longitudes(useOffset=False))
    axes.set_xlabel("longitude (°)")
    axes.set_ylabel("latitude (°)")
    return figure, axes


def scale_metres(across: float) -> int:
    """A round length, 1, 2 or 5 times a power of ten, of at most a fifth of ``across`` (metres)."""
    most = max(across / 5, 1)
    power = 10 ** math.floor(math.log10(most))
    return int(max(step for step in (1, 2, 5) if step * power <= most) * power)


def _draw_scale(axes: Axes, latitude: float, degrees: float) -> None:
    """A bar of a round length (at the middle latitude) in the upper right, above the map."""
    a_degree = METRES_A_DEGREE * max(math.cos(math.radians(latitude)), 0.1)
    length = scale_metres(degrees * a_degree)
    share = length / a_degree / (axes.get_xlim()[1] - axes.get_xlim()[0])
    axes.plot(
        (1 - share, 1),
        (1.02, 1.02),
        color=INK,
        lw=2,
        transform=axes.transAxes,
        clip_on=False,
        solid_capstyle="butt",
    )
    axes.text(
        1 - share - 0.01,
        1.02,
        f"{length // 1000:,} km" if length >= 1000 else f"{length} m",
        transform=axes.transAxes,
        ha="right",
        va="center",
        fontsize=8,
    )


def _draw_splits(axes: Axes, polygons: np.ndarray, splits: np.ndarray) -> list[Patch]:
    handles = []
    known = [name for name in SPLIT_COLORS if (splits == name).any()]
    for name in [*known, *sorted(set(splits) - set(known))]:
        here = polygons[splits == name]
        color = SPLIT_COLORS.get(str(name), OTHER)
        corners = [shapely.get_coordinates(polygon) for polygon in here]
        axes.add_collection(PolyCollection(corners, facecolors=color, antialiaseds=False))
        share = 100 * len(here) / len(splits)
        handles.append(Patch(color=color, label=f"{name}: {len(here):,} ({share:.1f}%)"))
    return handles


def _draw_tiles(axes: Axes, boxes: dict[str, np.ndarray]) -> None:
    for name, (west, south, east, north) in boxes.items():
        frame = Rectangle(
            (west, south), east - west, north - south, fill=False, edgecolor=QUIET, linewidth=0.6
        )
        axes.add_patch(frame)
        if len(boxes) <= NAMED_TILES:
            axes.annotate(
                name, (west, north), (3, -3), textcoords="offset points", va="top", fontsize=7
            )
