"""The words below tables 3 and 4: measured on what, how intervals and marks were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from groundsynth.evaluation.mix_comparison import Result
from groundsynth.evaluation.significance import smallest_p
from groundsynth.figures.segmentation_tables import Design, published_beside

FEW = 20
"""Percentile intervals over so few units cover less than they say."""


def note_of(results: Sequence[Result], keys: Mapping[str, int], design: Design) -> str:
    """What stands below table 3 or 4: what was measured on, and how to read it."""
    left_out = max((result.classes_left_out for result in results), default=0)
    sentences = [
        _about_values(results, design),
        f"Classes that occur neither in truth nor in prediction have no score: at most {left_out} "
        f"of {len(design.names)} are left out of a macro mean.",
        _about_samples(results, design),
        _about_tests(results, keys, design),
    ]
    if any(published_beside(result, design) for result in results):
        sentences.append(
            "Paper: printed figures of arXiv 2603.09625 (ARAS400k, encoder efficientnet-b7) for "
            "mixes that hold the same; comparable with runs on the same data only."
        )
    return " ".join(sentences)


def _about_samples(results: Sequence[Result], design: Design) -> str:
    """Which mixes take samples as they come, and which those that a selection keeps."""
    mixes = dict.fromkeys(result.mix for result in results)
    taken = {mix: design.samples(mix) for mix in mixes}
    selected = [f"{mix} takes a {text}" for mix, text in taken.items() if "selection" in text]
    if not selected:
        return "Mixes with synthetic patches take all samples: none is selected by its quality."
    return (
        f"{'; '.join(selected)}, the first by seed where it asks for fewer; other mixes with "
        "synthetic patches take all samples."
    )


def _about_values(results: Sequence[Result], design: Design) -> str:
    """What a value, its spread and its interval are."""
    units = f"{design.patches:,} test patches"
    if design.block_degrees is not None:
        units += f" in {design.units:,} blocks of {design.block_degrees:g} degrees"
    seeds = max((result.seeds for result in results), default=0)
    mean = "One seed" if seeds == 1 else f"Mean over {seeds} seeds, ± their standard deviation"
    level = 100 * design.resampling.confidence
    few = f"; {FEW} or fewer make it too narrow" if design.units <= FEW else ""
    return (
        f"Percent, over all labelled pixels of the real test split ({units}). {mean}; in brackets "
        f"the {level:g}% percentile bootstrap interval over {design.plural} "
        f"({design.resampling.resamples:,} resamples{few})."
    )


def _about_tests(results: Sequence[Result], keys: Mapping[str, int], design: Design) -> str:
    """How the marks were found; that there can be none, where units are too few."""
    gains = [result.gain for result in results if result.gain is not None]
    if not gains:
        return "No mix is compared: tests need real patches alone beside another mix."
    places = list(keys.values())
    count = int(sum(np.isfinite(gain.p[places]).sum() for gain in gains))
    text = (
        f"↑ gain, ↓ loss against {gains[0].baseline} (same architecture, seeds and patches), "
        f"significant at {100 * design.alpha:g}%: two-sided approximate randomisation over "
        f"{design.plural}, corrected for the {count} comparisons of this table (Holm)."
    )
    least = min(1.0, smallest_p(design.units, design.resampling) * count)
    if least <= design.alpha:
        return text
    return (
        f"{text} With {design.units:,} {design.plural} no single difference can reach it: the "
        f"smallest corrected p value would be {least:.2g}."
    )
