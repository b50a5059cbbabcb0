"""Bands and lines in a map: pieces of a class that run from one place to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

SPAN = 0.7  # of the scene's height or width, at least
BAND, LINE = 2.5, 7.0  # length over width
LONGEST = 3.0  # times the scene's side; longer means a net, not one line
SLANT = 2.0  # long over short axis, at least: of a band, and of a piece that joins no edges
WINDING = 1.0  # spread across the main direction over width; a straight strip has 0.29


@dataclass(frozen=True)
class Course:
    """A long piece: broad (``band``) or narrow (``line``), straight or winding, and its ends.

    ``ends`` are compass words. With ``at_edges`` the piece touches those two edges of the scene.
    """

    kind: Literal["band", "line"]
    winding: bool
    ends: tuple[str, str]
    at_edges: bool


def find_course(piece: np.ndarray) -> Course | None:
    """bool [H, W] pixels of one connected piece -> its course; None if it is no band or line.

    The width is four times the mean distance to the piece's border, as in a straight strip; the
    length is the area over the width.
    """
    height, width = piece.shape
    ys, xs = np.nonzero(piece)
    window = (slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1))
    extent = ((np.ptp(ys) + 1) / height, (np.ptp(xs) + 1) / width)
    if max(extent) < SPAN:
        return None
    breadth = _breadth(piece, window)
    length = len(ys) / breadth
    ratio = length / breadth
    if ratio < BAND or length > LONGEST * max(height, width):
        return None
    long_axis, spread = _axes(ys, xs)
    ends = _edge_ends(piece, long_axis)
    at_edges = ends is not None
    if (ratio < LINE or not at_edges) and spread[0] < SLANT * spread[1]:
        return None
    ends = ends or _compass_ends(long_axis)
    return Course(
        kind="line" if ratio >= LINE else "band",
        winding=bool(spread[1] > WINDING * breadth),
        ends=ends,
        at_edges=at_edges,
    )


def _breadth(piece: np.ndarray, window: tuple[slice, slice]) -> float:
    """Mean width in pixels; the scene's own border does not end a piece."""
    height, width = piece.shape
    rows, columns = window
    grown = (
        slice(max(0, rows.start - 1), min(height, rows.stop + 1)),
        slice(max(0, columns.start - 1), min(width, columns.stop + 1)),
    )
    part = piece[grown]
    if part.all():
        return float(min(part.shape))
    return max(1.0, 4 * float(ndimage.distance_transform_edt(part)[part].mean()) - 1)


def _axes(ys: np.ndarray, xs: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """Direction (south, east) of the long axis, and the spread along and across it in pixels."""
    covariance = np.cov(np.stack([ys, xs]).astype(np.float64)) if len(ys) > 1 else np.eye(2)
    values, vectors = np.linalg.eigh(covariance)
    across, along = np.sqrt(np.maximum(values, 1e-9))
    return vectors[:, 1], (float(along), float(across))


def _edge_ends(piece: np.ndarray, long_axis: np.ndarray) -> tuple[str, str] | None:
    """The two edges of the scene that the piece joins; None if it joins none or most of them."""
    touched = {
        "north": bool(piece[0].any()),
        "south": bool(piece[-1].any()),
        "west": bool(piece[:, 0].any()),
        "east": bool(piece[:, -1].any()),
    }
    names = [name for name, yes in touched.items() if yes]
    if len(names) == 2:
        return names[0], names[1]
    southward = abs(long_axis[0]) > abs(long_axis[1])
    if touched["north"] and touched["south"] and southward:
        return "north", "south"
    if touched["west"] and touched["east"] and not southward:
        return "west", "east"
    return None


def _compass_ends(long_axis: np.ndarray) -> tuple[str, str]:
    south, east = long_axis if long_axis[1] >= 0 else -long_axis
    angle = np.degrees(np.arctan2(south, east))  # -90 (north) to 90 (south), heading east
    if abs(angle) < 22.5:
        return "west", "east"
    if abs(angle) > 67.5:
        return "north", "south"
    return ("north-west", "south-east") if angle > 0 else ("south-west", "north-east")
