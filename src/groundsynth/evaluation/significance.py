"""Intervals and tests of segmentation scores, from the counts of each test patch.

Both resample **units**: test patches, or blocks of them where neighbours resemble each other.
Every score is computed from the summed counts of a resample, never averaged over patches.

- Intervals: percentile bootstrap (Efron and Tibshirani 1993, chapter 13). All cells of a table
  see the same resamples, so that the interval of a difference is that of paired models.
- Tests: two-sided approximate randomisation (Noreen 1989; for F scores Yeh 2000): where two
  mixes make no difference, the counts of the two models may be exchanged within any unit. With
  few units all exchanges are counted and the p value is exact; else it is (1 + extreme) /
  (1 + permutations), which is never 0 (Phipson and Smyth 2010).

Neither says how much a training varies with its seed; the standard deviation over seeds does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from groundsynth.segmentation.metrics import MACRO, class_scores, macro_scores

CHUNK_VALUES = 1_000_000
"""Values (8 bytes each) of the resampling weights that are held at once."""


@dataclass(frozen=True)
class Resampling:
    """How often units are drawn (``resamples``) and exchanged (``permutations``), and the seed."""

    confidence: float
    resamples: int
    permutations: int
    seed: int


@dataclass(frozen=True)
class Pair:
    """Positions of a cell and of the cell it is compared with, among the cells given."""

    cell: int
    baseline: int


def score_vector(totals: np.ndarray) -> np.ndarray:
    """Totals [..., 3, K] -> [..., 5 + K] fractions: MACRO, then the F1 of each class."""
    macro = macro_scores(totals)
    first = np.stack([macro[name] for name in MACRO], axis=-1)
    return np.concatenate([first, class_scores(totals)["f1"]], axis=-1)


def sum_units(totals: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Totals [N, 3, K] of patches in the units numbered [N] -> float64 [G, 3, K]."""
    summed = np.zeros((int(units.max()) + 1, *totals.shape[1:]))
    np.add.at(summed, units, totals)
    return summed


def bootstrap_scores(cells: Sequence[np.ndarray], resampling: Resampling) -> np.ndarray:
    """Scores float64 [C, R, 5 + K] of R resamples; ``cells``: totals [G, 3, K] of each unit.

    A resample draws G of the G units with replacement, the same ones for every cell.
    """
    parts: list[list[np.ndarray]] = [[] for _ in cells]
    for weights in _drawn(len(cells[0]), resampling):
        for part, cell in zip(parts, cells, strict=True):
            part.append(score_vector(_weighted(weights, cell)))
    return np.stack([np.concatenate(part) for part in parts])


def interval(samples: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval (low, high) [S] of the resampled values [R, S].

    Resamples without a value (a class that none of their patches shows) are left out; NaN where
    no resample has one.
    """
    tail = (1 - confidence) / 2
    bounds = np.full((2, samples.shape[1]), np.nan)
    for column, values in enumerate(samples.T):
        finite = values[np.isfinite(values)]
        if len(finite):
            bounds[:, column] = np.quantile(finite, [tail, 1 - tail])
    return bounds[0], bounds[1]


def randomisation_p_values(
    cells: Sequence[np.ndarray], groups: Sequence[Sequence[Pair]], resampling: Resampling
) -> np.ndarray:
    """Two-sided p values float64 [len(groups), 5 + K]; NaN where a score is not defined.

    The statistic of a group is the mean over its pairs of score(cell) - score(baseline); an
    exchange takes place in all its pairs at once, because their units are the same patches.
    """
    pairs = list(dict.fromkeys(pair for group in groups for pair in group))
    members = [[pairs.index(pair) for pair in group] for group in groups]
    observed = _of_groups(_differences(cells, pairs, np.zeros((1, len(cells[0])))), members)[:, 0]
    extreme, drawn, exact = np.zeros(observed.shape), 0, _all_exchanges(len(cells[0]), resampling)
    for swaps in _exchanges(len(cells[0]), resampling):
        values = np.abs(_of_groups(_differences(cells, pairs, swaps), members))
        # Rounding must not make an equal value a smaller one; an undefined one counts as extreme.
        extreme += (~(values < np.abs(observed)[:, None] - 1e-12)).sum(axis=1)
        drawn += len(swaps)
    p = extreme / drawn if exact else (extreme + 1) / (drawn + 1)
    return np.where(np.isnan(observed), np.nan, p)


def smallest_p(units: int, resampling: Resampling) -> float:
    """The smallest p value that the test of so many units can give."""
    if _all_exchanges(units, resampling):
        return 2.0 / 2**units  # all exchanged is the mirror image of none exchanged
    return 1 / (resampling.permutations + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected for their number (Holm 1979); NaN stays NaN and is not counted."""
    values = np.asarray(p_values, np.float64)
    defined = np.isfinite(values)
    if defined.any():
        from statsmodels.stats.multitest import multipletests  # seconds, where there are tests

        values[defined] = multipletests(values[defined], method="holm")[1]
    return values.tolist()


def _differences(
    cells: Sequence[np.ndarray], pairs: Sequence[Pair], swaps: np.ndarray
) -> np.ndarray:
    """Score differences [P, B, 5 + K] of the pairs under exchanges [B, G] (1: exchanged)."""
    found = []
    for pair in pairs:
        cell, baseline = cells[pair.cell], cells[pair.baseline]
        moved = _weighted(swaps, cell - baseline)
        first, second = cell.sum(0) - moved, baseline.sum(0) + moved
        found.append(score_vector(first) - score_vector(second))
    return np.stack(found)


def _of_groups(differences: np.ndarray, members: Sequence[Sequence[int]]) -> np.ndarray:
    """Means [groups, B, S] over the pairs of each group."""
    return np.stack([differences[list(group)].mean(axis=0) for group in members])


def _weighted(weights: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Weights [B, G] and totals [G, 3, K] -> sums [B, 3, K], exact below 2**53."""
    return (weights @ totals.reshape(len(totals), -1)).reshape(-1, *totals.shape[1:])


def _drawn(units: int, resampling: Resampling) -> Iterator[np.ndarray]:
    """How often each unit is drawn: float64 [B, G], ``resamples`` rows in all."""
    random = np.random.default_rng([resampling.seed, 0])
    for size in _chunks(resampling.resamples, units):
        drawn = random.integers(0, units, (size, units)) + np.arange(size)[:, None] * units
        counts = np.bincount(drawn.ravel(), minlength=size * units)
        yield counts.reshape(size, units).astype(np.float64)


def _exchanges(units: int, resampling: Resampling) -> Iterator[np.ndarray]:
    """0 or 1 for each unit: float64 [B, G]; every possibility once where they are few."""
    random = np.random.default_rng([resampling.seed, 1])
    exact, done = _all_exchanges(units, resampling), 0
    for size in _chunks(2**units if exact else resampling.permutations, units):
        if exact:
            numbers = np.arange(done, done + size)[:, None]
            bits = ((numbers >> np.arange(units)) & 1).astype(np.uint8)
        else:
            whole = np.frombuffer(random.bytes(size * -(-units // 8)), np.uint8)
            bits = np.unpackbits(whole.reshape(size, -1), axis=1, count=units)
        done += size
        yield bits.astype(np.float64)


def _all_exchanges(units: int, resampling: Resampling) -> bool:
    return units < 60 and 2**units <= resampling.permutations


def _chunks(total: int, units: int) -> Iterator[int]:
    """Sizes that add up to ``total``, each within the memory for ``units`` columns."""
    most = max(1, CHUNK_VALUES // units)
    for start in range(0, total, most):
        yield min(most, total - start)
