"""Random fields that depend on the place alone: hashed lattices and smooth noise between them.

A lattice point carries a number made from its whole-number coordinates and a key, so that a
field can be evaluated in any window, in any order, and agrees wherever windows meet. Noise is a
uniform cubic B-spline over such a lattice; on a raster the spline is separable, and the sum of
octaves is two products with sparse matrices of four entries a row.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

SPLINE_STD = 151 / 315 / np.sqrt(3)
"""Standard deviation of a two-dimensional cubic B-spline over uniform numbers in -1..1."""


def key_of(seed: int, name: str) -> int:
    """A 32-bit key for the random field called ``name`` in the world of ``seed``."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:4], "little")


def hashed(column: np.ndarray, row: np.ndarray, key: int) -> np.ndarray:
    """uint32 hash of whole-number coordinates (broadcast together) and a key."""
    x = column.astype(np.int64).astype(np.uint32)
    y = row.astype(np.int64).astype(np.uint32)
    state = x * np.uint32(0x9E3779B1) + np.uint32(key)
    state = _mixed(state) ^ (y * np.uint32(0x85EBCA77))
    return _mixed(state)


def _mixed(state: np.ndarray) -> np.ndarray:
    """Spread every input bit over all 32 (two rounds of shift, exclusive or, multiply)."""
    state = (state ^ (state >> np.uint32(16))) * np.uint32(0x7FEB352D)
    state = (state ^ (state >> np.uint32(15))) * np.uint32(0x846CA68B)
    return state ^ (state >> np.uint32(16))


def uniform(column: np.ndarray, row: np.ndarray, key: int) -> np.ndarray:
    """float32 in [0, 1) for each pair of whole-number coordinates."""
    return (hashed(column, row, key) >> np.uint32(8)).astype(np.float32) / np.float32(1 << 24)


@dataclass(frozen=True)
class Noise:
    """A sum of ``octaves`` B-spline noises of mean 0 and standard deviation 1.

    ``wavelength`` is the lattice spacing of the first octave in degrees; each further octave has
    half the spacing and ``persistence`` times the amplitude.
    """

    key: int
    wavelength: float
    octaves: int
    persistence: float = 0.5

    def _octaves(self) -> list[tuple[int, float, float]]:
        amplitudes = self.persistence ** np.arange(self.octaves)
        amplitudes = amplitudes / np.sqrt((amplitudes**2).sum()) / SPLINE_STD
        return [
            (self.key + number, self.wavelength / 2**number, float(amplitude))
            for number, amplitude in enumerate(amplitudes)
        ]

    def on_grid(self, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """float32 [len(latitude), len(longitude)] on the raster of these coordinates (degrees)."""
        total = np.zeros((len(latitude), len(longitude)), np.float32)
        for key, spacing, amplitude in self._octaves():
            first_x, along_x = _spline_matrix(longitude / spacing)
            first_y, along_y = _spline_matrix(latitude / spacing)
            columns = first_x + np.arange(along_x.shape[1])
            rows = first_y + np.arange(along_y.shape[1])
            lattice = _lattice(columns[:, None], rows[None, :], key, amplitude)
            total += along_y @ np.ascontiguousarray((along_x @ lattice).T)
        return total

    def at_points(self, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """float32 of the same shape as the coordinates (degrees), for scattered places."""
        total = np.zeros(longitude.shape, np.float32)
        for key, spacing, amplitude in self._octaves():
            cell_x, weight_x = _spline_weights(longitude / spacing)
            cell_y, weight_y = _spline_weights(latitude / spacing)
            for i in range(4):
                for j in range(4):
                    value = _lattice(cell_x + i, cell_y + j, key, amplitude)
                    total += value * weight_x[i] * weight_y[j]
        return total


def _lattice(column: np.ndarray, row: np.ndarray, key: int, amplitude: float) -> np.ndarray:
    return (uniform(column, row, key) * 2 - 1) * np.float32(amplitude)


def _spline_weights(position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First of four lattice indices, and the weights [4, ...], of positions in lattice units."""
    cell = np.floor(position)
    t = (position - cell).astype(np.float32)
    weights = np.stack(
        [
            (1 - t) ** 3,
            3 * t**3 - 6 * t**2 + 4,
            -3 * t**3 + 3 * t**2 + 3 * t + 1,
            t**3,
        ]
    ) / np.float32(6)
    return cell.astype(np.int64) - 1, weights


def _spline_matrix(position: np.ndarray) -> tuple[int, csr_matrix]:
    """First lattice index and sparse [len(position), lattice points] interpolation matrix."""
    cell, weights = _spline_weights(position)
    first = int(cell.min())
    indices = (cell - first)[:, None] + np.arange(4)
    starts = 4 * np.arange(len(position) + 1)
    shape = (len(position), int(indices.max()) + 1)
    return first, csr_matrix((weights.T.ravel(), indices.ravel(), starts), shape=shape)
