"""The rows of tables 3 and 4: scores over seeds, their intervals, and gains over real patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from groundsynth.evaluation.significance import (
    Pair,
    Resampling,
    bootstrap_scores,
    holm,
    interval,
    randomisation_p_values,
    score_vector,
    sum_units,
)
from groundsynth.segmentation.cells import Cell
from groundsynth.segmentation.metrics import MACRO
from groundsynth.segmentation.mixes import Mix

MEAN = "mean"
"""Architecture of a row that is the mean over all of them, as in the paper."""


@dataclass(frozen=True)
class Gain:
    """A row against the same architectures and seeds trained on real patches alone.

    Arrays [5 + K]: MACRO, then the F1 of each class; ``corrected`` for all gains of a table.
    """

    baseline: str
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    corrected: np.ndarray


@dataclass(frozen=True)
class Result:
    """One mix and architecture (or MEAN): fractions [5 + K], as those of Gain.

    ``value`` is the mean over seeds, ``std`` their standard deviation (NaN for one seed), ``low``
    and ``high`` the interval over the units of the test split.
    """

    mix: str
    architecture: str
    seeds: int
    value: np.ndarray
    std: np.ndarray
    low: np.ndarray
    high: np.ndarray
    classes_left_out: int
    gain: Gain | None


@dataclass(frozen=True)
class _Group:
    mix: str
    architecture: str
    members: list[int]
    pairs: list[Pair]


def compare_mixes(
    cells: Sequence[Cell], mixes: Mapping[str, Any], units: np.ndarray, resampling: Resampling
) -> list[Result]:
    """Results of every mix and architecture, and of the mean of several, in the cells' order.

    ``mixes``: name -> parts, as configured; the first one among the cells that holds real patches
    alone is what the others are compared with. ``units``: number [N] of each test patch's unit.
    """
    if not cells:
        return []
    totals = [sum_units(cell.totals, units) for cell in cells]
    scores = np.stack([score_vector(total.sum(0)) for total in totals])
    resampled = bootstrap_scores(totals, resampling)
    groups = _groups(cells, _baseline(cells, mixes))
    gains = _gains(groups, cells, totals, scores, resampled, resampling)
    found = []
    for group, gain in zip(groups, gains, strict=True):
        low, high = interval(resampled[group.members].mean(axis=0), resampling.confidence)
        left_out = np.isnan(scores[group.members, len(MACRO) :]).sum(axis=1).max()
        found.append(
            Result(
                mix=group.mix,
                architecture=group.architecture,
                seeds=len({cells[place].seed for place in group.members}),
                value=scores[group.members].mean(axis=0),
                std=_over_seeds(group, cells, scores),
                low=low,
                high=high,
                classes_left_out=int(left_out),
                gain=gain,
            )
        )
    return found


def _baseline(cells: Sequence[Cell], mixes: Mapping[str, Any]) -> str | None:
    """The first mix among the cells that holds real patches and nothing else."""
    names = dict.fromkeys(cell.mix for cell in cells)
    return next((n for n in names if n in mixes and Mix.from_parts(n, mixes[n]).real_only), None)


def _groups(cells: Sequence[Cell], baseline: str | None) -> list[_Group]:
    """One group for each mix and architecture, and one for each mix over several of them."""
    place = {(cell.mix, cell.architecture, cell.seed): n for n, cell in enumerate(cells)}
    groups = []
    mixes = list(dict.fromkeys(cell.mix for cell in cells))
    for mix in mixes:
        names = list(dict.fromkeys(cell.architecture for cell in cells if cell.mix == mix))
        for name in [*names, *([MEAN] if len(names) > 1 else [])]:
            members = [
                n for n, c in enumerate(cells) if c.mix == mix and name in (c.architecture, MEAN)
            ]
            pairs = [
                Pair(n, place[baseline, cells[n].architecture, cells[n].seed])
                for n in members
                if baseline not in (None, mix)
                and (baseline, cells[n].architecture, cells[n].seed) in place
            ]
            groups.append(_Group(mix, name, members, pairs))
    return groups


def _gains(
    groups: Sequence[_Group],
    cells: Sequence[Cell],
    totals: Sequence[np.ndarray],
    scores: np.ndarray,
    resampled: np.ndarray,
    resampling: Resampling,
) -> list[Gain | None]:
    """The gain of each group that has pairs, p values corrected over all gains of a table."""
    compared = [group for group in groups if group.pairs]
    if not compared:
        return [None] * len(groups)
    p = randomisation_p_values(totals, [group.pairs for group in compared], resampling)
    corrected = np.empty_like(p)
    for table in (slice(0, len(MACRO)), slice(len(MACRO), None)):
        corrected[:, table] = np.reshape(holm(p[:, table].ravel().tolist()), p[:, table].shape)
    rows = iter(range(len(compared)))
    found: list[Gain | None] = []
    for group in groups:
        if not group.pairs:
            found.append(None)
            continue
        row = next(rows)
        first = [pair.cell for pair in group.pairs]
        second = [pair.baseline for pair in group.pairs]
        drawn = (resampled[first] - resampled[second]).mean(axis=0)
        low, high = interval(drawn, resampling.confidence)
        value = (scores[first] - scores[second]).mean(axis=0)
        baseline = cells[second[0]].mix
        found.append(Gain(baseline, value, low, high, p[row], corrected[row]))
    return found


def _over_seeds(group: _Group, cells: Sequence[Cell], scores: np.ndarray) -> np.ndarray:
    """Standard deviation over seeds (n - 1) of the group's mean for a seed; NaN for one seed."""
    by_seed = sorted(group.members, key=lambda place: cells[place].seed)
    means = [
        scores[list(places)].mean(axis=0)
        for _, places in groupby(by_seed, key=lambda place: cells[place].seed)
    ]
    if len(means) < 2:
        return np.full(scores.shape[1], np.nan)
    return np.std(means, axis=0, ddof=1)
