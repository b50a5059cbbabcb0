"""Land cover of the simulated world: WorldCover codes from relief, waters, climate and people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from groundsynth.sources.noise import key_of
from groundsynth.sources.parcels import Parcels, chance, divide, jittered_sites
from groundsynth.sources.terrain import Terrain, Window, smooth_step, terrain

TREE, SHRUB, GRASS, CROP, BUILT, BARE = 10, 20, 30, 40, 50, 60
SNOW, WATER, WETLAND, MANGROVE, MOSS = 70, 80, 90, 95, 100
NO_DATA = 0
OPEN_SEA = -0.4
"""Shore value below which the sea is not mapped."""


@dataclass(frozen=True)
class Landscape:
    """Everything that a window of the simulated world shows."""

    window: Window
    terrain: Terrain
    parcels: Parcels
    fertile: np.ndarray
    """float32 [height, width]: how good the land is for farming; farmed above about 0."""
    settlement: np.ndarray
    """float32 [height, width]: 1 at a settlement's middle, 0 at its edge, negative outside."""
    code: np.ndarray
    """uint8 [height, width]: WorldCover code, 0 where nothing is mapped."""
    unseen: np.ndarray
    """bool [height, width]: no imagery here."""


def codes(window: Window, seed: int) -> np.ndarray:
    """uint8 [height, width]: WorldCover codes of the world ``seed`` in a window."""
    return landscape(window.widened(1), seed).code[1:-1, 1:-1]


def landscape(window: Window, seed: int) -> Landscape:
    """Evaluate the world ``seed`` in a window; the outermost pixels are not exact."""
    land, fields = terrain(window, seed), divide(window, seed)
    fertile = _fertility(window, seed, land)
    density = _settlements(window, seed, fertile)
    code = _wild_land(window, seed, land)
    _cultivate(code, fields, fields.at_centre(fertile, window.scale))
    _build(code, window, seed, land, density)
    _flood(code, window, seed, land)
    unmapped, unseen = _gaps(window, seed)
    open_sea = land.shore < OPEN_SEA
    code[open_sea | unmapped] = NO_DATA
    return Landscape(window, land, fields, fertile, density, code, unseen | unmapped | open_sea)


def _wild_land(window: Window, seed: int, land: Terrain) -> np.ndarray:
    """Vegetation: forest where it is moist, else grass, shrub or bare ground by the soil."""
    code = np.full((window.height, window.width), GRASS, np.uint8)
    thicket = window.noise(seed, "thicket", 0.03, 3)
    soil = window.noise(seed, "soil", 0.12, 5, persistence=0.55)
    moist = land.moisture + 0.3 * thicket - 0.6 * smooth_step(900, 2200, land.elevation)
    arid = 0.55 * moist + 0.85 * soil
    code[arid < -0.05] = SHRUB
    code[arid < -0.75] = BARE
    code[(moist > 0.35) & (land.temperature > 3)] = TREE
    cold = land.temperature < 3
    code[cold & (code != BARE)] = MOSS
    code[land.temperature < -2.5 + 1.2 * soil] = SNOW
    return code


def _fertility(window: Window, seed: int, land: Terrain) -> np.ndarray:
    """How good the land is for farming: above 0 on good days, high along rivers."""
    fertile = window.noise(seed, "farmland", 0.28, 3)
    fertile = fertile + 0.9 * (1 - smooth_step(0.0, 0.12, land.river_distance))
    fertile = fertile - 2.5 * smooth_step(180, 520, land.elevation)
    fertile = fertile - 1.5 * (1 - smooth_step(0.0, 0.12, land.shore))
    return fertile.astype(np.float32)


def _cultivate(code: np.ndarray, fields: Parcels, fertile: np.ndarray) -> None:
    """Farmland: whole parcels of crops, pasture and wood among the wild land."""
    farmed = fertile + 0.9 * (chance(fields.number, 1) - 0.5) > 0.15
    use = chance(fields.number, 2)
    code[farmed] = CROP
    code[farmed & (use < 0.13)] = GRASS
    code[farmed & (use > 0.93)] = TREE
    code[farmed & (use > 0.90) & (use <= 0.93)] = SHRUB


def _settlements(window: Window, seed: int, fertile: np.ndarray) -> np.ndarray:
    """Towns and villages: 1 in the middle, 0 at the edge, negative outside."""
    density = np.full((window.height, window.width), -1, np.float32)
    ragged = 0.5 * window.noise(seed, "outskirts", 0.03, 4)
    places = ((0.19, 0.9, 0.022, 0.055), (0.08, 0.5, 0.010, 0.016))
    for spacing, likely, least, most in places:
        x, y, number = jittered_sites(window, spacing, key_of(seed, f"place {spacing}"), 2 * most)
        radius = least + (most - least) * chance(number, 2) ** 2
        for place in np.flatnonzero(chance(number, 1) < likely):
            box = window.box(x[place], y[place], 2 * radius[place])
            dx = (window.longitude[box[1]] - x[place]).astype(np.float32)[None, :]
            dy = (window.latitude[box[0]] - y[place]).astype(np.float32)[:, None]
            near = 1 - np.sqrt(dx * dx + dy * dy) / np.float32(radius[place])
            np.maximum(density[box], near + ragged[box], out=density[box])
    return density - 0.9 * (1 - smooth_step(-1.2, 0.2, fertile))


def _build(code: np.ndarray, window: Window, seed: int, land: Terrain, density: np.ndarray) -> None:
    """Built-up land, with parks and gardens left as grass and trees."""
    green = window.noise(seed, "park", 0.03, 2)
    built = (density > 0) & (land.temperature > -1)
    code[built] = BUILT
    code[built & (green > 1.5)] = GRASS
    code[built & (green > 2.1)] = TREE


def _flood(code: np.ndarray, window: Window, seed: int, land: Terrain) -> None:
    """Wetland and mangrove on low banks and shores, then the waters themselves."""
    soaked = window.noise(seed, "marsh", 0.08, 4)
    low = land.elevation < 140
    bank = np.maximum(land.lake + 0.25, (land.river + 0.006) / 0.02)
    code[low & (bank > 0) & (soaked > 0.55) & (land.temperature > 3)] = WETLAND
    tidal = low & (land.shore < 0.10 + 0.05 * soaked) & (soaked > -0.3)
    warm = land.temperature > 19
    reach = window.noise(seed, "tide", 0.3, 3) > 0
    code[tidal & warm & reach] = MANGROVE
    code[tidal & warm & ~reach & (soaked > 1)] = WETLAND
    sea = land.shore <= 0
    code[sea | (land.river > 0) | (land.lake > 0)] = WATER


def _gaps(window: Window, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the map has no data, and where the imagery has none: slanted swaths."""
    unmapped = np.zeros((window.height, window.width), bool)
    unseen = unmapped.copy()
    x, y, number = jittered_sites(window, 1.2, key_of(seed, "gap"), 0.25)
    for place in np.flatnonzero(chance(number, 1) < 0.6):
        box = window.box(x[place], y[place], 0.25)
        dx = (window.longitude[box[1]] - x[place])[None, :]
        dy = (window.latitude[box[0]] - y[place])[:, None]
        swath = (np.abs(dx - 0.25 * dy) < 0.04) & (np.abs(dy + 0.2 * dx) < 0.13)
        target = unseen if chance(number[place : place + 1], 2)[0] < 0.4 else unmapped
        target[box] |= swath
    return unmapped, unseen
