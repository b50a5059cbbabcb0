"""What ended the trainings of the generators, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DISTANCE = "random_frechet_distance"


def ending_of(description: Mapping[str, Any]) -> str:
    """One sentence from a generator's description (its JSON file)."""
    who = f"The {description['population']} generator ({description['architecture']})"
    images = thousands(description["images"])
    if description["stopped_by"] == "plateau":
        what = f"was ended after {images} images: its distance had reached its plateau"
    else:
        what = f"reached its {images} images"
    return f"{who} {what}{best_of(description)}."


def best_of(description: Mapping[str, Any]) -> str:
    """The best distance and where it was, where one was measured; else nothing."""
    if DISTANCE not in description:
        return ""
    kept, best = thousands(description["kept_images"]), description[DISTANCE]
    samples, patches = description["distance_samples"], description["distance_patches"]
    return (
        f"; the best distance was {best:.4g} after {kept} images, whose weights are kept (Fréchet "
        f"distance of {samples:,} samples to {patches:,} train patches, features of "
        f"{description['features']})"
    )


def thousands(images: int) -> str:
    """A number of images: 640, 12 thousand, 1,604 thousand."""
    return f"{round(images / 1000, 1):,g} thousand" if images >= 1000 else str(images)
