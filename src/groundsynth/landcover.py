"""The legend: the land-cover classes of a run, in the order of their index.

Masks hold class indices 0 to K-1 as uint8, and ``UNLABELLED`` (255) where nothing is known.
Raster codes (ESA WorldCover 10, 20, ...) exist only in source rasters, colours only in drawings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from groundsynth.errors import ConfigurationError, InputError

UNLABELLED = 255
MAX_CLASSES = 254
UNKNOWN = 254
"""Never in a mask: stands for codes outside the legend until they are refused."""


@dataclass(frozen=True)
class LandCoverClass:
    """One class: its name, the raster codes merged into it, and its colour (RGB) for drawings."""

    name: str
    codes: tuple[int, ...]
    color: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class Legend:
    """The classes of a run in index order, and the raster codes that mean "not labelled"."""

    classes: tuple[LandCoverClass, ...]
    no_data: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        if not 2 <= len(self.classes) <= MAX_CLASSES:
            raise ConfigurationError(
                f"The legend has {len(self.classes)} classes; give 2 to {MAX_CLASSES} in "
                "legend.classes."
            )
        _require_unique([c.name for c in self.classes], "class name")
        codes = [code for c in self.classes for code in c.codes]
        _require_unique([*codes, *self.no_data], "raster code")

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in index order."""
        return tuple(c.name for c in self.classes)

    def index(self, name: str) -> int:
        """Index of the class called ``name``; ConfigurationError names the known ones."""
        if name not in self.names:
            raise ConfigurationError(
                f"The legend has no class {name!r}; its classes are {', '.join(self.names)}."
            )
        return self.names.index(name)

    def color(self, index: int) -> tuple[int, int, int]:
        """Colour of a class (RGB, 0 to 255); ConfigurationError where the legend gives none."""
        entry = self.classes[index]
        if entry.color is None:
            raise ConfigurationError(
                f"The legend gives the class {entry.name!r} no color to be drawn in; add one, "
                "such as [0, 100, 0]."
            )
        return entry.color

    def colors(self) -> np.ndarray:
        """uint8 [256, 3]: colour of each mask value; black for values that are no class."""
        table = np.zeros((256, 3), np.uint8)
        table[: len(self)] = [self.color(index) for index in range(len(self))]
        return table

    def colorize(self, mask: np.ndarray) -> np.ndarray:
        """uint8 [..., H, W] class indices -> uint8 [..., H, W, 3] RGB, for drawings only."""
        return self.colors()[mask]

    def encode(
        self, codes: np.ndarray, where: str | Path, covered: np.ndarray | None = None
    ) -> np.ndarray:
        """Raster codes [...] -> uint8 class indices [...]; ``no_data`` becomes UNLABELLED.

        So does what ``covered`` (bool [...]; None: all is) leaves out, whatever its code.
        Raises InputError that names the file ``where`` and the codes outside the legend.
        """
        values = np.asarray(codes)
        with np.errstate(invalid="ignore"):  # NaN and fractions are refused as they are
            narrow = values.astype(np.uint8, copy=False)
        # The standard library's table look-up: four times as fast as an array as index.
        encoded = np.frombuffer(narrow.tobytes().translate(self._table()), np.uint8)
        mask = encoded.reshape(values.shape)
        unknown = mask == UNKNOWN
        if narrow is not values:
            unknown |= narrow != values
        if covered is not None:
            unknown &= covered
            mask = np.where(covered, mask, np.uint8(UNLABELLED))
        if unknown.any():
            self._refuse(values[unknown], where)
        return mask

    def _table(self) -> bytes:
        """The mask value of each code from 0 to 255; UNKNOWN for codes outside the legend."""
        table = np.full(256, UNKNOWN, np.uint8)
        for index, entry in enumerate(self.classes):
            table[list(entry.codes)] = index
        table[list(self.no_data)] = UNLABELLED
        return table.tobytes()

    def _refuse(self, codes: np.ndarray, where: str | Path) -> None:
        listed = ", ".join(str(code) for code in np.unique(codes)[:8])
        raise InputError(
            f"{where} holds the land-cover codes {listed}, which the legend does not list; add "
            "them to the codes of a class or to legend.no_data."
        )

    @classmethod
    def from_json(
        cls, value: str | dict[str, Any], colors: Mapping[str, Any] | None = None
    ) -> Legend:
        """Build from the configuration's ``legend`` section (a dict, or its JSON text).

        Classes may lack colours where nothing is drawn; ``colors`` gives them by name (RGB).
        """
        section = json.loads(value) if isinstance(value, str) else value
        named = colors or {}
        classes = tuple(
            LandCoverClass(
                name=entry["name"],
                codes=tuple(entry["codes"]),
                color=_rgb(named.get(entry["name"], entry.get("color"))),
            )
            for entry in section["classes"]
        )
        return cls(classes=classes, no_data=tuple(section.get("no_data", (0,))))


def _rgb(color: Sequence[int] | None) -> tuple[int, int, int] | None:
    if color is None:
        return None
    red, green, blue = color
    return red, green, blue


def _require_unique(values: Sequence[object], what: str) -> None:
    repeated = sorted({str(v) for v in values if values.count(v) > 1})
    if repeated:
        raise ConfigurationError(
            f"The legend lists the {what} {', '.join(repeated)} more than once; each may stand "
            "in one place only."
        )
