"""Rare classes: in how many images of each population they occur at all, and to some extent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from groundsynth.composition.ids import REAL
from groundsynth.composition.statistics import totals

RARE_PERCENT = 5.0
"""A class is rare below this share of the real population's labelled pixels."""
NOTICEABLE_PERCENT = 1.0
"""Share of an image's labelled pixels from which on a class is counted as noticeable."""

Compositions = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Population -> (shares [N, K], unlabelled [N]) in percent."""


def rare_classes(compositions: Compositions) -> list[int]:
    """Numbers of the classes that are rare in the real population, else in the first one."""
    reference = compositions.get(REAL) or next(iter(compositions.values()), None)
    if reference is None or not len(reference[0]):
        return []
    return [int(number) for number in np.flatnonzero(totals(*reference) < RARE_PERCENT)]


def rare_class_rows(
    compositions: Compositions, names: Sequence[str]
) -> list[dict[str, str | int | float]]:
    """One row for each rare class and population: images with any of it, and with at least 1 %.

    Images without a label count, as images without the class.
    """
    rows: list[dict[str, str | int | float]] = []
    for number in rare_classes(compositions):
        for population, (shares, unlabelled) in compositions.items():
            share, images = shares[:, number], len(shares)
            present = int(np.count_nonzero(share > 0))
            noticeable = int(np.count_nonzero(share >= NOTICEABLE_PERCENT))
            rows.append(
                {
                    "class": names[number],
                    "population": population,
                    "images": images,
                    "total_percent": float(totals(shares, unlabelled)[number]),
                    "images_with_any": present,
                    "any_percent": 100 * present / max(images, 1),
                    "images_with_one_percent": noticeable,
                    "one_percent_percent": 100 * noticeable / max(images, 1),
                }
            )
    return rows
