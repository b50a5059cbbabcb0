"""Which patches and samples a picture shows: by the variety of their masks, not by their look."""

from __future__ import annotations

import numpy as np

from groundsynth.composition.shares import count_classes
from groundsynth.figures.drawn_populations import DrawnPopulations
from groundsynth.segmentation.populations import Population

CANDIDATES = 512


def choose_patches(
    populations: DrawnPopulations, classes: int, count: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of at most ``count`` training patches, and rows of their conditional samples.

    Among at most 512 patches drawn by chance (with conditional samples: those that have one).
    Without conditional samples the second array is empty.
    """
    pairs = _patch_sample_pairs(populations)
    pairs = pairs[_candidates(len(pairs), random)]
    masks = populations.real.masks.gather(pairs[:, 0])
    varied = pairs[vary(masks, classes, count)]
    has_samples = bool(populations.conditional.ids)
    return varied[:, 0], varied[:, 1] if has_samples else np.zeros(0, np.int64)


def choose_samples(
    population: Population, classes: int, count: int, random: np.random.Generator
) -> np.ndarray:
    """Rows of at most ``count`` samples, among at most 512 drawn by chance."""
    rows = _candidates(len(population.ids), random)
    return rows[vary(population.masks.gather(rows), classes, count)]


def _candidates(count: int, random: np.random.Generator) -> np.ndarray:
    return np.sort(random.choice(count, min(CANDIDATES, count), replace=False))


def vary(masks: np.ndarray, classes: int, count: int) -> list[int]:
    """Positions of ``count`` masks (uint8 [N, H, W]) that show each class in turn, in variety.

    The classes take turns from the commonest to the rarest; each takes the mask that holds much
    of it (up to 40 %) beside many others (entropy of the shares).
    """
    if not len(masks):
        return []
    counts = count_classes(masks, classes)[:, :classes].astype(np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    variety = -(shares * logs).sum(axis=1) / np.log(classes)
    turns = [c for c in np.argsort(-shares.sum(axis=0)) if shares[:, c].any()] or [0]
    chosen: list[int] = []
    for turn in range(min(count, len(masks))):
        score = variety + 2 * np.minimum(shares[:, turns[turn % len(turns)]], 0.4)
        score[chosen] = -1
        chosen.append(int(score.argmax()))
    return chosen


def _patch_sample_pairs(populations: DrawnPopulations) -> np.ndarray:
    """int64 [N, 2]: rows of training patches and of the first conditional sample of each."""
    train = populations.train_rows()
    if not populations.conditional.ids:
        return np.stack([train, np.full_like(train, -1)], axis=1)
    first: dict[str, int] = {}
    for row, patch in enumerate(populations.conditions):
        first.setdefault(patch, row)
    pairs = [(row, first.get(populations.real.ids[row], -1)) for row in train]
    return np.array([pair for pair in pairs if pair[1] >= 0], np.int64).reshape(-1, 2)
