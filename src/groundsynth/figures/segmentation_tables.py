"""Tables 3 and 4 of the paper, each cell's scores, and the tests between mixes, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from groundsynth.evaluation.mix_comparison import MEAN, Result
from groundsynth.evaluation.significance import Resampling
from groundsynth.figures.columns import CELL, CLASS_PREFIX
from groundsynth.figures.published_figures import published_architectures, published_scores
from groundsynth.figures.selection_table import Retention, kept_of
from groundsynth.figures.table_files import Row, Value
from groundsynth.segmentation.cells import Cell
from groundsynth.segmentation.metrics import MACRO, scores
from groundsynth.segmentation.mixes import Mix
from groundsynth.segmentation.quality_scores import Key

GAIN, LOSS = "gain", "loss"
PARTS = ("", "_std", "_low", "_high", "_gain", "_mark", "_paper", "_difference")
"""Columns of a score: mean over seeds, ..., the paper's figure, and ours less the paper's."""
QUALITIES = ("boundary_f1", "calibration_error")
"""Scores of a cell that do not derive from its confusion counts."""
FIRST = ("mix", "architecture", "samples", "seeds")
LAST = ("classes_left_out", "test_patches", "units", "unit")


@dataclass(frozen=True)
class Design:
    """What the results of a run were measured on, and how they were resampled."""

    mixes: Mapping[str, Any]
    names: tuple[str, ...]
    architectures: frozenset[str]
    patches: int
    units: int
    block_degrees: float | None
    resampling: Resampling
    selections: Retention = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """What is drawn and exchanged as one."""
        return "patch" if self.block_degrees is None else "block"

    @property
    def plural(self) -> str:
        """The word for several units."""
        return "patches" if self.block_degrees is None else "blocks"

    def samples(self, mix: str) -> str:
        """Which synthetic samples a mix takes: all that there are, or those of a selection."""
        if mix not in self.mixes:
            return "unknown"
        held = Mix.from_parts(mix, self.mixes[mix])
        if held.real_only:
            return "real patches only"
        if not held.selection:
            return "all samples"
        found = [f"{name}: {kept_of(self.selections, name)}" for name in held.samples]
        return f"selection ({', '.join(found)})"

    @property
    def alpha(self) -> float:
        """Level of the tests."""
        return 1 - self.resampling.confidence

    @property
    def table3(self) -> dict[str, int]:
        """Score -> its position in a result, of table 3."""
        return {name: place for place, name in enumerate(MACRO)}

    @property
    def table4(self) -> dict[str, int]:
        """Score -> its position in a result, of table 4."""
        return {CLASS_PREFIX + name: len(MACRO) + n for n, name in enumerate(self.names)}


def score_columns(keys: Sequence[str]) -> list[str]:
    """Columns of table 3 or 4 as CSV."""
    return [*FIRST, *(key + part for key in keys for part in PARTS), *LAST]


def score_rows(results: Sequence[Result], keys: Mapping[str, int], design: Design) -> list[Row]:
    """One row for each result, in percent; ``keys``: score -> its position."""
    rows: list[Row] = []
    for result in results:
        row: dict[str, Value] = {
            "mix": result.mix,
            "architecture": result.architecture,
            "samples": design.samples(result.mix),
            "seeds": result.seeds,
        }
        paper = published_beside(result, design)
        for key, place in keys.items():
            values = _score(result, place, design.alpha, paper.get(key))
            row |= {key + part: value for part, value in zip(PARTS, values, strict=True)}
        row |= {"classes_left_out": result.classes_left_out, "test_patches": design.patches}
        rows.append({**row, "units": design.units, "unit": design.unit})
    return rows


def significance_rows(results: Sequence[Result], design: Design) -> list[Row]:
    """One row for each gain of tables 3 and 4, in percentage points."""
    rows: list[Row] = []
    for table, keys in (("table3", design.table3), ("table4", design.table4)):
        for result in results:
            if result.gain is None:
                continue
            for key, place in keys.items():
                low, high = result.gain.low[place], result.gain.high[place]
                rows.append(
                    {
                        "table": table,
                        "score": key,
                        "mix": result.mix,
                        "baseline": result.gain.baseline,
                        "architecture": result.architecture,
                        "synthetic_samples": design.samples(result.mix),
                        "seeds": result.seeds,
                        "unit": design.unit,
                        "units": design.units,
                        "gain": _percent(result.gain.value[place]),
                        "gain_low": _percent(low),
                        "gain_high": _percent(high),
                        "p": _defined(result.gain.p[place]),
                        "p_corrected": _defined(result.gain.corrected[place]),
                        "mark": mark_of(result, place, design.alpha),
                    }
                )
    return rows


def cell_columns(names: Sequence[str]) -> list[str]:
    """Columns of the table of cells as CSV."""
    return [
        *CELL,
        "synthetic_samples",
        *MACRO,
        *QUALITIES,
        *(CLASS_PREFIX + name for name in names),
        "classes_left_out",
        "test_patches",
    ]


def cell_rows(
    cells: Sequence[Cell], qualities: Mapping[Key, Mapping[str, float | None]], design: Design
) -> list[Row]:
    """Every score of every cell (mix, architecture, seed) in percent, without resampling."""
    rows: list[Row] = []
    for cell in cells:
        found = scores(cell.counts)
        other = qualities.get((cell.mix, cell.architecture, cell.seed), {})
        by_class = zip(design.names, found["per_class"]["f1"], strict=True)
        rows.append(
            {
                "mix": cell.mix,
                "architecture": cell.architecture,
                "seed": str(cell.seed),
                "synthetic_samples": design.samples(cell.mix),
                **{name: 100 * found[name] for name in MACRO},
                **{name: _scaled(other.get(name)) for name in QUALITIES},
                **{CLASS_PREFIX + name: _scaled(value) for name, value in by_class},
                "classes_left_out": found["classes_left_out"],
                "test_patches": cell.patches,
            }
        )
    return rows


def mark_of(result: Result, place: int, alpha: float) -> str:
    """GAIN or LOSS where the corrected test says so at the level ``alpha``, else nothing."""
    gain = result.gain
    if gain is None or not gain.corrected[place] <= alpha:
        return ""
    return GAIN if gain.value[place] > 0 else LOSS


def published_beside(result: Result, design: Design) -> dict[str, float]:
    """The paper's scores of the same mix and architecture, in percent; empty without any."""
    if result.mix not in design.mixes:
        return {}
    if result.architecture == MEAN and design.architectures != published_architectures():
        return {}
    parts = design.mixes[result.mix]
    return published_scores(result.mix, parts, result.architecture, design.names)


def _score(result: Result, place: int, alpha: float, paper: float | None) -> list[Value]:
    """Values of PARTS."""
    value = _percent(result.value[place])
    gain = None if result.gain is None else _percent(result.gain.value[place])
    spread = (_percent(part[place]) for part in (result.std, result.low, result.high))
    away = None if paper is None or value is None else value - paper
    return [value, *spread, gain, mark_of(result, place, alpha), paper, away]


def _scaled(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _percent(value: float) -> float | None:
    return None if np.isnan(value) else 100 * float(value)


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
