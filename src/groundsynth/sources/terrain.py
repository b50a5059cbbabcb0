"""The simulated world's relief, waters and climate, as fields of longitude and latitude."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from groundsynth.sources.noise import Noise, key_of

LAPSE = 0.0065
"""Fall of the temperature with height (degrees Celsius a metre; standard atmosphere)."""


@dataclass(frozen=True)
class Window:
    """A part of the world's pixel grid, which begins at 180 W, 90 N.

    ``column`` and ``row`` are the grid indices of its upper left pixel, ``scale`` the pixels per
    degree.
    """

    column: int
    row: int
    width: int
    height: int
    scale: int

    @classmethod
    def of_tile(cls, latitude: int, longitude: int, degrees: int, scale: int) -> Window:
        """The pixels of the tile whose south-west corner is at whole degrees."""
        size = degrees * scale
        column, row = (longitude + 180) * scale, (90 - latitude - degrees) * scale
        return cls(column, row, size, size, scale)

    def widened(self, margin: int) -> Window:
        """The window with ``margin`` more pixels on each side."""
        return Window(
            self.column - margin,
            self.row - margin,
            self.width + 2 * margin,
            self.height + 2 * margin,
            self.scale,
        )

    def parts(self, size: int) -> Iterator[Window]:
        """The window in pieces of at most ``size`` by ``size`` pixels, row by row."""
        for row in range(0, self.height, size):
            for column in range(0, self.width, size):
                width, height = min(size, self.width - column), min(size, self.height - row)
                yield Window(self.column + column, self.row + row, width, height, self.scale)

    def slices_in(self, whole: Window) -> tuple[slice, slice]:
        """Rows and columns of this window within the array of a larger one."""
        row, column = self.row - whole.row, self.column - whole.column
        return slice(row, row + self.height), slice(column, column + self.width)

    @property
    def columns(self) -> np.ndarray:
        """int64 [width]: index of each column in the world's grid."""
        return self.column + np.arange(self.width)

    @property
    def rows(self) -> np.ndarray:
        """int64 [height]: index of each row in the world's grid."""
        return self.row + np.arange(self.height)

    @property
    def longitude(self) -> np.ndarray:
        """float64 [width]: longitude of the pixel centres in degrees."""
        return (self.columns + 0.5) / self.scale - 180

    @property
    def latitude(self) -> np.ndarray:
        """float64 [height]: latitude of the pixel centres in degrees."""
        return 90 - (self.rows + 0.5) / self.scale

    def box(self, longitude: float, latitude: float, reach: float) -> tuple[slice, slice]:
        """Rows and columns of the window within ``reach`` degrees of a place, as a square."""
        across = np.searchsorted(self.longitude, [longitude - reach, longitude + reach])
        down = np.searchsorted(-self.latitude, [-latitude - reach, -latitude + reach])
        return slice(*down), slice(*across)

    def noise(
        self, seed: int, name: str, wavelength: float, octaves: int, persistence: float = 0.5
    ) -> np.ndarray:
        """float32 [height, width] of the world's noise field ``name``."""
        field = Noise(key_of(seed, name), wavelength, octaves, persistence)
        return field.on_grid(self.longitude, self.latitude)


@dataclass(frozen=True)
class Terrain:
    """Relief, waters and climate in a window; all arrays float32 [height, width]."""

    shore: np.ndarray
    """Height above the coast line in units of the continent's noise; negative at sea."""
    elevation: np.ndarray
    """Metres above the sea; 0 at sea."""
    river_distance: np.ndarray
    """Degrees from the middle of the nearest larger river (an estimate, good nearby)."""
    river: np.ndarray
    """How deep inside a river: positive in the water."""
    lake: np.ndarray
    """How deep inside a lake: positive in the water."""
    temperature: np.ndarray
    """Mean of the year in degrees Celsius."""
    moisture: np.ndarray
    """Standard score: about 0 on average, 1 humid, -1 arid."""


def terrain(window: Window, seed: int) -> Terrain:
    """Evaluate relief, waters and climate of the world ``seed`` in a window."""
    shore = _shore(window, seed)
    distance, river = _rivers(window, seed)
    relief = _relief(window, seed)
    valley = smooth_step(0.0, 0.05, distance)
    coast = smooth_step(0.0, 0.5, shore)
    elevation = np.where(shore > 0, 5 + coast * relief * (0.35 + 0.65 * valley), 0)
    lowland = 1 - smooth_step(250, 700, elevation)
    lake = window.noise(seed, "lake", 0.22, 5) - 2.0 - (1 - lowland) * 3
    river = np.where(shore > 0, river - smooth_step(500, 1500, elevation) * 0.01, -1)
    temperature = 28 - 0.0075 * window.latitude[:, None] ** 2 - LAPSE * elevation
    temperature = temperature + 1.5 * window.noise(seed, "weather", 0.3, 5)
    moisture = _moisture(window, seed) + 0.7 * (1 - smooth_step(0.0, 0.03, distance))
    return Terrain(
        shore=shore,
        elevation=elevation.astype(np.float32),
        river_distance=distance,
        river=river.astype(np.float32),
        lake=lake.astype(np.float32),
        temperature=temperature.astype(np.float32),
        moisture=moisture.astype(np.float32),
    )


def smooth_step(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, a smooth cubic between."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _shore(window: Window, seed: int) -> np.ndarray:
    broad = window.noise(seed, "continent", 2.0, 2, persistence=0.35)
    detail = window.noise(seed, "coast", 0.35, 6)
    return broad + np.float32(0.16) * detail + np.float32(0.45)


def _relief(window: Window, seed: int) -> np.ndarray:
    """Metres of relief, before coasts and valleys: plains, hills and ridged mountains."""
    plain = 90 + 40 * window.noise(seed, "plain", 0.4, 5)
    hills = np.maximum(window.noise(seed, "hills", 0.25, 7), -0.5) + 0.5
    ridge = 1.1 - np.abs(window.noise(seed, "ridge", 0.3, 7))
    range_ = window.noise(seed, "range", 1.1, 3)
    hilly = smooth_step(-0.6, 0.6, range_)
    mountainous = smooth_step(0.4, 1.5, range_)
    return plain + 220 * hilly * hills + 3300 * mountainous * np.maximum(ridge, 0.05)


def _rivers(window: Window, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Distance (degrees) from the larger rivers, and depth inside any river (degrees)."""
    wider = window.widened(1)
    width = window.noise(seed, "river width", 0.5, 3)
    main = _level_distance(wider, seed, "river", 0.55, 6)
    brook = _level_distance(wider, seed, "brook", 0.27, 6)
    inside = 0.0042 + 0.0012 * width - main
    small = np.where(width > 0.3, 0.0015 + 0.0009 * width, 0) - brook
    return main, np.maximum(inside, small)


def _level_distance(
    window: Window, seed: int, name: str, wavelength: float, octaves: int
) -> np.ndarray:
    """Degrees from the zero line of a noise field, by its gradient; without the outer pixels."""
    field = window.noise(seed, name, wavelength, octaves, persistence=0.42)
    along_y = (field[2:, 1:-1] - field[:-2, 1:-1]) * np.float32(window.scale / 2)
    along_x = (field[1:-1, 2:] - field[1:-1, :-2]) * np.float32(window.scale / 2)
    slope = np.sqrt(along_x * along_x + along_y * along_y)
    return np.abs(field[1:-1, 1:-1]) / np.maximum(slope, np.float32(0.5 / wavelength))


def _moisture(window: Window, seed: int) -> np.ndarray:
    broad = window.noise(seed, "climate", 0.8, 2)
    patchy = window.noise(seed, "rain", 0.12, 5, persistence=0.55)
    return np.float32(0.35) * broad + np.float32(0.95) * patchy
