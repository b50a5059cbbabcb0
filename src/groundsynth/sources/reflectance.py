"""Imagery of the simulated world: reflectance of the land cover in red, green, blue, near infrared.

Mean reflectances follow published Sentinel-2 signatures in their order and rough size only; they
are made to look plausible and to be told apart, not to be measured from.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from groundsynth.sources import landscape as cover
from groundsynth.sources.landscape import Landscape
from groundsynth.sources.noise import key_of, uniform
from groundsynth.sources.parcels import chance
from groundsynth.sources.terrain import Window, smooth_step

BANDS = ("B04", "B03", "B02", "B08")
MARGIN = 8
"""Pixels around a tile that blur and shading reach into."""
POINT_SPREAD = 0.55
"""Standard deviation of the instrument's blur in pixels."""
SPECTRA = {
    cover.TREE: (350, 610, 360, 2800),
    cover.SHRUB: (1080, 1000, 740, 2000),
    cover.GRASS: (800, 1180, 560, 3100),
    cover.BARE: (2250, 1930, 1560, 2700),
    cover.SNOW: (6200, 6400, 6600, 5600),
    cover.WETLAND: (430, 700, 470, 2000),
    cover.MANGROVE: (270, 580, 400, 2900),
    cover.MOSS: (930, 1120, 620, 2400),
}
CROPS = np.array(
    [
        (420, 950, 380, 4200),
        (560, 1150, 480, 3900),
        (1900, 1600, 850, 2900),
        (2150, 1900, 1150, 2900),
        (1580, 1050, 720, 2000),
        (1200, 760, 520, 1600),
        (300, 720, 300, 3600),
    ],
    np.float32,
)
"""Young, lush, ripe and harvested crops, two kinds of ploughed soil, irrigated crops."""
ROOFS = np.array(
    [
        (1900, 1860, 1820, 2200),
        (1850, 1330, 1150, 2200),
        (2500, 2450, 2400, 2700),
        (1450, 1430, 1440, 1700),
        (1700, 1240, 1050, 2000),
    ],
    np.float32,
)
"""Concrete, brick, bright metal, slate, tile."""
STREET = np.array((1080, 1090, 1130, 1350), np.float32)
HEDGE = np.array((450, 640, 400, 2600), np.float32)
ROAD = np.array((1900, 1750, 1550, 2100), np.float32)


def imagery(window: Window, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """uint16 [4, height, width] reflectance x 10,000 (0: not seen), uint8 codes of the window."""
    scene = cover.landscape(window.widened(MARGIN), seed)
    bands = _ground(scene, seed)
    bands *= _relief_shade(scene)
    _water(bands, scene, seed)
    image = np.stack([gaussian_filter(band, POINT_SPREAD, truncate=4) for band in bands])
    image *= 1 + 0.02 * _grain(scene.window, seed, "gain")
    image = np.clip(np.rint(image), 1, 10000).astype(np.uint16)
    image[:, scene.unseen] = 0
    inner = slice(MARGIN, -MARGIN)
    return image[:, inner, inner], scene.code[inner, inner]


def _grain(window: Window, seed: int, name: str) -> np.ndarray:
    """Noise from pixel to pixel: float32 [height, width], mean 0, standard deviation 1."""
    total = np.zeros((window.height, window.width), np.float32)
    for part in range(3):
        key = key_of(seed, f"{name} {part}")
        total += uniform(window.columns[None, :], window.rows[:, None], key)
    return (total - np.float32(1.5)) * np.float32(2)


def _ground(scene: Landscape, seed: int) -> np.ndarray:
    """float32 [4, height, width]: the land without shading; water is filled in later."""
    window = scene.window
    bands = np.full((4, window.height, window.width), 500, np.float32)
    for code, spectrum in SPECTRA.items():
        bands[:, scene.code == code] = np.array(spectrum, np.float32)[:, None]
    bands *= _texture(scene, seed)
    _tint(bands, scene, seed)
    _farmland(bands, scene, seed)
    _town(bands, scene, seed)
    return bands


def _texture(scene: Landscape, seed: int) -> np.ndarray:
    """Factor of the wild land's brightness: crowns of trees, single shrubs, bare rock."""
    window, code = scene.window, scene.code
    pixel = 1 / window.scale
    fine = _grain(window, seed, "texture")
    clumps = window.noise(seed, "clumps", 3 * pixel, 1)
    broad = window.noise(seed, "stand", 0.05, 4)
    factor = 1 + 0.07 * broad
    wood = (code == cover.TREE) | (code == cover.MANGROVE) | (code == cover.WETLAND)
    factor = factor + np.where(wood, 0.18 * clumps + 0.14 * fine, 0)
    factor = factor - np.where(code == cover.SHRUB, 0.35 * smooth_step(0.3, 1.4, clumps), 0)
    factor = factor + np.where(code == cover.GRASS, 0.03 * fine + 0.06 * clumps, 0)
    factor = factor + np.where(code == cover.BARE, 0.05 * clumps + 0.05 * fine, 0)
    return np.clip(factor, 0.3, 2).astype(np.float32)


def _tint(bands: np.ndarray, scene: Landscape, seed: int) -> None:
    """Shift of colour from place to place: drier or fresher plants, grey rock on the heights."""
    dry = scene.window.noise(seed, "dryness", 0.15, 4)
    bands[0] *= 1 + 0.06 * dry
    bands[2] *= 1 - 0.05 * dry
    rock = (scene.code == cover.BARE) * smooth_step(300, 900, scene.terrain.elevation)
    paler = np.array((0.26, 0.18, 0.05, 0.25), np.float32)[:, None, None]
    bands *= 1 - paler * rock


def _farmland(bands: np.ndarray, scene: Landscape, seed: int) -> None:
    """A crop for each parcel, rows in its direction, hedges and tracks between parcels."""
    fields, pixel = scene.parcels, 1 / scene.window.scale
    crop = scene.code == cover.CROP
    kind = (chance(fields.number, 3) * len(CROPS)).astype(np.int32)[crop]
    bright = 0.88 + 0.24 * chance(fields.number, 4)[crop]
    striped = 0.10 * (chance(fields.number, 5)[crop] > 0.4)
    rows = np.sin(fields.across[crop] * np.float32(2 * np.pi / (3.1 * pixel)))
    growth = scene.window.noise(seed, "growth", 0.02, 2)[crop]
    bands[:, crop] = CROPS[kind].T * (bright * (1 + striped * rows) * (1 + 0.05 * growth))
    hedge = crop & (fields.edge < 0.45 * pixel) & (chance(fields.block, 4) > 0.35)
    bands[:, hedge] = HEDGE[:, None]
    farmland = crop | (scene.code == cover.GRASS) | (scene.code == cover.SHRUB)
    road = farmland & (fields.road < 0.6 * pixel) & (scene.fertile > -0.4)
    bands[:, road] = ROAD[:, None]


def _town(bands: np.ndarray, scene: Landscape, seed: int) -> None:
    """Roofs in a street grid of the block's direction, with gardens, fewer in the middle."""
    fields, pixel = scene.parcels, 1 / scene.window.scale
    built = scene.code == cover.BUILT
    along, across = fields.block_along[built] / pixel, fields.block_across[built] / pixel
    house = np.floor(along / 2.3), np.floor(across / 1.8)
    roof = uniform(*house, key_of(seed, "roof"))
    bright = 0.75 + 0.3 * uniform(*house, key_of(seed, "roof brightness"))
    colour = ROOFS[(roof * len(ROOFS)).astype(np.int32)] * bright[:, None]
    garden = uniform(*house, key_of(seed, "garden")) > 0.80 + 0.25 * scene.settlement[built]
    colour[garden] = (720, 860, 600, 2300)
    street = (np.mod(along, 9.2) < 1.2) | (np.mod(across, 7.2) < 1.1)
    colour[street | (fields.road[built] < 1.1 * pixel)] = STREET
    bands[:, built] = colour.T


def _relief_shade(scene: Landscape) -> np.ndarray:
    """Factor of light on the slopes, for a sun in the south-east (Sentinel-2 passes at 10:30)."""
    height = gaussian_filter(scene.terrain.elevation, 0.7, truncate=4)
    south, east = np.gradient(height * np.float32(scene.window.scale / 38400))
    light = (1 - 0.75 * east - 0.75 * south) / np.sqrt(1 + east**2 + south**2)
    return np.clip(light, 0.45, 1.5).astype(np.float32)


def _water(bands: np.ndarray, scene: Landscape, seed: int) -> None:
    """Clear deep sea, turquoise shallows, brownish-green rivers and lakes."""
    land, water = scene.terrain, scene.code == cover.WATER
    deep = np.array((150, 270, 430, 90), np.float32)[:, None]
    shallow = np.array((380, 850, 950, 130), np.float32)[:, None]
    muddy = np.array((430, 560, 520, 160), np.float32)[:, None]
    depth = smooth_step(0, 0.22, -land.shore[water])
    sea = deep * depth + shallow * (1 - depth)
    colour = np.where(land.shore[water] <= 0, sea, muddy + 0.3 * (deep - muddy))
    swell = scene.window.noise(seed, "swell", 0.06, 4)[water]
    bands[:, water] = colour * (1 + 0.06 * swell)
