"""Rows of tables 3 and 4 from cells: means over seeds and architectures, spreads, pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from groundsynth.evaluation.mix_comparison import MEAN, Result, compare_mixes
from groundsynth.evaluation.significance import Resampling, holm
from groundsynth.segmentation.cells import Cell
from groundsynth.segmentation.metrics import class_totals, scores

MIXES: dict[str, Any] = {
    "both": {"real": True, "unconditional": 5, "conditional": 0},
    "real": {"real": True, "unconditional": 0, "conditional": 0},
}
QUICK = Resampling(confidence=0.95, resamples=200, permutations=1500, seed=0)
PATCHES = 12


def cell(mix: str, architecture: str, seed: int, right: int) -> Cell:
    """A cell of which about ``right`` of 100 pixels a class are right in each patch."""
    random = np.random.default_rng([seed, right])
    good = right + random.integers(-5, 6, PATCHES)
    counts = good[:, None, None] * np.eye(3, dtype=int)
    counts = counts + (100 - good)[:, None, None] * np.roll(np.eye(3, dtype=int), 1, axis=1)
    ids = tuple(f"p{n}" for n in range(PATCHES))
    return Cell(mix, architecture, seed, ids, counts.sum(0), class_totals(counts))


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    """Two mixes, two architectures, three seeds; the mix "both" helps unet and harms fpn."""
    return [
        cell(mix, architecture, seed, 60 + seed + (mix == "both") * gain)
        for mix in ("both", "real")
        for architecture, gain in (("unet", 20), ("fpn", -20))
        for seed in (1, 2, 3)
    ]


def compare(cells: list[Cell], **mixes: Any) -> dict[tuple[str, str], Result]:
    found = compare_mixes(cells, mixes or MIXES, np.arange(PATCHES), QUICK)
    return {(result.mix, result.architecture): result for result in found}


def test_means_and_spreads_over_seeds_and_architectures(cells: list[Cell]) -> None:
    found = compare(cells)
    names = ("unet", "fpn", MEAN)
    assert list(found) == [(mix, name) for mix in ("both", "real") for name in names]
    f1 = np.array([scores(c.counts)["f1"] for c in cells]).reshape(2, 2, 3)
    assert found["both", "fpn"].value[0] == pytest.approx(f1[0, 1].mean())
    assert found["both", "fpn"].std[0] == pytest.approx(f1[0, 1].std(ddof=1))
    assert found["real", MEAN].value[0] == pytest.approx(f1[1].mean())
    assert found["real", MEAN].std[0] == pytest.approx(f1[1].mean(axis=0).std(ddof=1))
    assert found["real", MEAN].seeds == 3
    for result in found.values():
        assert (result.low < result.value).all()
        assert (result.value < result.high).all()


def test_gains_are_paired_by_architecture_and_seed(cells: list[Cell]) -> None:
    found = compare(cells)
    assert found["real", "unet"].gain is None
    f1 = np.array([scores(c.counts)["f1"] for c in cells]).reshape(2, 2, 3)
    for place, name in enumerate(("unet", "fpn")):
        gain = found["both", name].gain
        assert gain is not None
        assert gain.baseline == "real"
        assert gain.value[0] == pytest.approx((f1[0, place] - f1[1, place]).mean())
        assert gain.low[0] < gain.value[0] < gain.high[0]
        assert np.sign(gain.value[0]) == (1 if name == "unet" else -1)
        assert gain.p[0] == 1 / 1501
    both = found["both", MEAN].gain
    assert both is not None
    assert abs(both.value[0]) < 0.03


def test_p_values_are_corrected_over_all_gains_of_a_table(cells: list[Cell]) -> None:
    gains = [r.gain for r in compare(cells).values() if r.gain is not None]
    assert len(gains) == 3
    for table in (slice(0, 5), slice(5, None)):
        raw = np.concatenate([gain.p[table] for gain in gains])
        corrected = np.concatenate([gain.corrected[table] for gain in gains])
        assert corrected == pytest.approx(holm(raw.tolist()))
        assert (corrected > raw).any()


def test_one_seed_and_architecture_have_neither_spread_nor_mean(cells: list[Cell]) -> None:
    one = [c for c in cells if (c.architecture, c.seed) == ("unet", 1)]
    found = compare(one)
    assert list(found) == [("both", "unet"), ("real", "unet")]
    assert np.isnan(found["both", "unet"].std).all()
    assert found["both", "unet"].gain is not None


def test_without_real_patches_alone_nothing_is_compared(cells: list[Cell]) -> None:
    assert all(r.gain is None for r in compare(cells, both=MIXES["both"]).values())
    assert compare_mixes([], MIXES, np.arange(0), QUICK) == []


def test_blocks_widen_the_intervals_of_patches_that_are_alike(cells: list[Cell]) -> None:
    """Four copies of each of three patches: as one unit they are no more than three patches."""
    few = [
        Cell(c.mix, c.architecture, c.seed, c.ids, c.counts, np.repeat(c.totals[:3], 4, axis=0))
        for c in cells
    ]
    width = {}
    for name, units in (("patches", np.arange(PATCHES)), ("blocks", np.arange(PATCHES) // 4)):
        first = compare_mixes(few, MIXES, units, QUICK)[0]
        width[name] = float(first.high[0] - first.low[0])
    assert width["blocks"] > 1.5 * width["patches"]
