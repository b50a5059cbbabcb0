"""Farmland of the simulated world: blocks with a direction of their own, cut into parcels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from groundsynth.sources.noise import hashed, key_of, uniform
from groundsynth.sources.terrain import Window

BLOCK_DEGREES = 0.1
REACH = 1.9
"""Block sizes within which the two nearest sites of a jittered grid always lie."""
DIRECTIONS = 64
COSINE = np.array([math.cos(math.pi * k / DIRECTIONS) for k in range(DIRECTIONS)], np.float32)
SINE = np.array([math.sin(math.pi * k / DIRECTIONS) for k in range(DIRECTIONS)], np.float32)


@dataclass(frozen=True)
class Parcels:
    """The division of the land in a window; all arrays [height, width]."""

    number: np.ndarray
    """uint32: the parcel's own hash."""
    along: np.ndarray
    across: np.ndarray
    """float32: degrees from the parcel's centre, along and across its longer side."""
    cosine: np.ndarray
    sine: np.ndarray
    """float32: direction of the longer side, from east towards north."""
    edge: np.ndarray
    """float32: degrees from the parcel's nearest edge."""
    road: np.ndarray
    """float32: degrees from the nearest edge of the block (an estimate)."""
    block: np.ndarray
    """uint32: the block's own hash."""
    block_along: np.ndarray
    block_across: np.ndarray
    """float32: degrees from the block's site, along and across."""

    def at_centre(self, field: np.ndarray, scale: int) -> np.ndarray:
        """The value of a slowly varying field at the parcel's centre, by its gradient.

        Exact to first order, except at the outermost pixels of the window.
        """
        south, east = np.gradient(field)
        x = self.along * self.cosine - self.across * self.sine
        y = self.along * self.sine + self.across * self.cosine
        centred: np.ndarray = field - np.float32(scale) * (east * x - south * y)
        return centred


def divide(window: Window, seed: int) -> Parcels:
    """Divide a window into blocks and parcels."""
    sites = _sites(window, seed)
    nearest, road, x, y = _nearest_sites(window, seed, sites)
    cosine, sine = sites.cosine[nearest], sites.sine[nearest]
    along, across = x * cosine + y * sine, y * cosine - x * sine
    length, breadth = sites.length[nearest], sites.breadth[nearest]
    block = sites.number[nearest]
    strip = np.floor(across / breadth)
    place = along / length + uniform(strip, block, key_of(seed, "strip"))
    cell = np.floor(place)
    u, v = (place - cell - 0.5) * length, (across / breadth - strip - 0.5) * breadth
    return Parcels(
        number=hashed(cell * 4096 + strip, block, key_of(seed, "parcel")),
        along=u,
        across=v,
        cosine=cosine,
        sine=sine,
        edge=np.minimum(length / 2 - np.abs(u), breadth / 2 - np.abs(v)),
        road=road,
        block=block,
        block_along=along,
        block_across=across,
    )


@dataclass(frozen=True)
class _Sites:
    """Blocks that reach into a window; arrays with one entry a block."""

    longitude: np.ndarray
    latitude: np.ndarray
    number: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray
    length: np.ndarray
    breadth: np.ndarray


def jittered_sites(
    window: Window, spacing: float, key: int, reach: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Longitude, latitude (float64) and hash (uint32) of the sites of a jittered grid.

    ``spacing`` and ``reach`` (how far beyond the window) in degrees. Row by row from the south.
    """
    west, east = window.longitude[[0, -1]]
    north, south = window.latitude[[0, -1]]
    columns = np.arange(np.floor((west - reach) / spacing), np.floor((east + reach) / spacing) + 1)
    rows = np.arange(np.floor((south - reach) / spacing), np.floor((north + reach) / spacing) + 1)
    column, row = (axis.ravel() for axis in np.meshgrid(columns, rows))
    x = (column + 0.15 + 0.7 * uniform(column, row, key)) * spacing
    y = (row + 0.15 + 0.7 * uniform(column, row, key + 1)) * spacing
    return x, y, hashed(column, row, key + 2)


def chance(number: np.ndarray, salt: int) -> np.ndarray:
    """float32 in [0, 1): independent numbers for each hash and salt."""
    return uniform(number, np.full(1, salt), 0)


def _sites(window: Window, seed: int) -> _Sites:
    reach = REACH * BLOCK_DEGREES
    x, y, number = jittered_sites(window, BLOCK_DEGREES, key_of(seed, "block"), reach)
    direction = number % DIRECTIONS
    return _Sites(
        longitude=x,
        latitude=y,
        number=number,
        cosine=COSINE[direction],
        sine=SINE[direction],
        length=0.022 + 0.018 * chance(number, 2),
        breadth=0.011 + 0.008 * chance(number, 3),
    )


def _nearest_sites(
    window: Window, seed: int, sites: _Sites
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Index of each pixel's block, distance from its edge, and the offset from its site."""
    bend_x = window.noise(seed, "bend x", 0.12, 3) * np.float32(0.008)
    bend_y = window.noise(seed, "bend y", 0.12, 3) * np.float32(0.008)
    shape = (window.height, window.width)
    first, second = np.full(shape, np.inf, np.float32), np.full(shape, np.inf, np.float32)
    x, y = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    index = np.zeros(shape, np.int32)
    for number, (east, north) in enumerate(zip(sites.longitude, sites.latitude, strict=True)):
        box = window.box(east, north, REACH * BLOCK_DEGREES)
        dx = bend_x[box] + (window.longitude[box[1]] - east).astype(np.float32)[None, :]
        dy = bend_y[box] + (window.latitude[box[0]] - north).astype(np.float32)[:, None]
        distance = np.sqrt(dx * dx + dy * dy)
        closer = distance < first[box]
        np.minimum(second[box], np.maximum(distance, first[box]), out=second[box])
        np.minimum(first[box], distance, out=first[box])
        for target, value in ((x, dx), (y, dy), (index, np.int32(number))):
            np.copyto(target[box], value, where=closer)
    return index, (second - first) / 2, x, y
