"""What a configuration's selection of samples needs from its other sections.

Called while the Snakefile is read: nothing heavy may be imported here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

GROUNDING = ("min_grounding_precision", "min_grounding_recall")
OF_CAPTIONS = (*GROUNDING, "min_clipscore", "drop_repeated_captions")
"""Criteria that judge captions."""
OTHERS = ("min_confidence", "plausible_percent", "drop_near_duplicates")
UNCONDITIONAL_ONLY = "min_confidence"


def asked_of(config: Mapping[str, Any], population: str) -> list[str]:
    """The criteria that are switched on for a population, by name."""
    section = config["selection"]
    off = (None, False)
    names = [n for n in (*OTHERS, *OF_CAPTIONS) if not any(section[n] is value for value in off)]
    return [n for n in names if population == "unconditional" or n != UNCONDITIONAL_ONLY]


def selection_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the section ``selection``, in sentences."""
    for population in config["selection"]["populations"]:
        asked = asked_of(config, population)
        if not config["synthesis"][population]["samples"]:
            yield (
                f"selection.populations names {population}, of which no samples are drawn; remove "
                f"it or raise synthesis.{population}.samples."
            )
        if not asked:
            yield (
                f"selection.populations names {population}, but nothing is asked of its samples; "
                "switch a criterion on (config/README.md lists them) or remove the population."
            )
        for name in asked:
            yield from _needs(name, population, config)


def _needs(name: str, population: str, config: Mapping[str, Any]) -> Iterator[str]:
    """What a criterion lacks."""
    captions, captioner = config["captions"], config["selection"]["captioner"]
    if name in OF_CAPTIONS and captioner not in captions["captioners"]:
        yield (
            f"selection.{name} judges the captions of selection.captioner, which is {captioner!r}, "
            f"none of captions.captioners ({', '.join(captions['captioners'])}); name one of them."
        )
    if name in OF_CAPTIONS and population not in captions["populations"]:
        yield (
            f"selection.{name} judges captions, but captions.populations does not name "
            f"{population}; add it or switch the criterion off."
        )
    if name in GROUNDING and not config["grounding"]["score"]:
        yield f"selection.{name} needs the grounding of captions; set grounding.score to true."
    if name == "min_clipscore" and not config["clip"]["score"]:
        yield "selection.min_clipscore needs CLIPScores; set clip.score to true."


def mix_problems(name: str, parts: Mapping[str, Any], selected: Sequence[str]) -> Iterator[str]:
    """What is wrong with a mix that takes selected samples, in sentences."""
    if not parts.get("selection"):
        return
    taken = [population for population in ("unconditional", "conditional") if parts[population]]
    if not taken:
        yield (
            f"segmentation.mix_definitions.{name} takes selected samples, but asks for none; give "
            "it a number of them, or all, or set its selection to false."
        )
    for population in taken:
        if population not in selected:
            yield (
                f"segmentation.mix_definitions.{name} takes selected {population} samples, but "
                f"selection.populations does not name {population}; add it."
            )
