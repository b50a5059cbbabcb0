"""How often the grounding rule misreads sentences: compared with labels made by hand.

The sentences (tests/unit/evaluation/grounding_sentences.csv) were written and labelled before
the rule. The rule was corrected on the half ``tuned``; on the half ``held_out`` it never was, so
that only its figures say how the rule does on new text. Both halves have one author.

What the labels hold: ``present``, the classes said to cover some ground; ``minor``, those said to
cover at most little; ``absent``, those denied; ``dominant``, the one called so in words;
``percentages``, the shares stated of classes (``<``, ``>`` and ``a-b`` for bounds). Roads, river
valleys and dry river beds are no class, vegetation in general neither.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

from groundsynth.evaluation.caption_claims import caption_claims
from groundsynth.evaluation.class_words import ClassWords

ROOT = Path(__file__).resolve().parents[2]
SENTENCES = ROOT / "tests" / "unit" / "evaluation" / "grounding_sentences.csv"
HALVES = ("held_out", "tuned")
FIELDS = ("present", "minor", "absent", "dominant", "percentages")

Claim = tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """A sentence with its claims by field: as labelled, and as read by the rule."""

    half: str
    sentence: str
    labelled: dict[str, set[Claim]]
    read: dict[str, set[Claim]]

    @property
    def wrong(self) -> list[str]:
        """The fields in which the rule differs from the label."""
        return [name for name in FIELDS if self.labelled[name] != self.read[name]]


def configured_words() -> ClassWords:
    """The seven classes of the paper with the configured synonyms."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text("utf-8"))
    names = [entry["name"] for entry in config["legend"]["classes"]]
    return ClassWords(names, config["grounding"]["synonyms"])


def readings(words: ClassWords) -> list[Reading]:
    """Every labelled sentence beside what the rule reads in it."""
    with SENTENCES.open(encoding="utf-8", newline="") as stream:
        return [
            Reading(row["half"], row["sentence"], _labelled(row), _read(row["sentence"], words))
            for row in csv.DictReader(stream)
        ]


def _labelled(row: dict[str, str]) -> dict[str, set[Claim]]:
    found = {name: {(part,) for part in row[name].split(";") if part} for name in FIELDS[:4]}
    found["percentages"] = {
        (name, *_bounds(value))
        for name, _, value in (part.partition(":") for part in row["percentages"].split(";"))
        if name
    }
    return found


def _bounds(value: str) -> tuple[str, str]:
    low, high = value, value
    if value[0] in "<>":
        low, high = ("0", value[1:]) if value[0] == "<" else (value[1:], "100")
    elif "-" in value:
        low, _, high = value.partition("-")
    return f"{float(low):.1f}", f"{float(high):.1f}"


def _read(sentence: str, words: ClassWords) -> dict[str, set[Claim]]:
    claims = caption_claims(sentence, words)
    dominant = [] if claims.dominant is None else [claims.dominant]
    by_field = {
        "present": claims.present,
        "minor": claims.minor,
        "absent": claims.absent,
        "dominant": dominant,
    }
    found = {name: {(words.names[c],) for c in classes} for name, classes in by_field.items()}
    found["percentages"] = {
        (words.names[s.label], f"{s.low:.1f}", f"{s.high:.1f}") for s in claims.shares
    }
    return found


def main() -> None:
    """Print the error rates of both halves, and each sentence that is misread."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--quiet", action="store_true", help="leave out the sentences")
    options = parser.parse_args()
    found = readings(configured_words())
    for half in HALVES:
        own = [reading for reading in found if reading.half == half]
        wrong = [reading for reading in own if reading.wrong]
        share = 100 * len(wrong) / len(own)
        print(f"{half}: {len(wrong)} of {len(own)} sentences misread ({share:.1f}%)")
        by_field = Counter(name for reading in wrong for name in reading.wrong)
        for name in FIELDS:
            claims = sum(len(reading.labelled[name]) for reading in own)
            print(f"  {name}: wrong in {by_field[name]} sentences ({claims} labelled claims)")
        if not options.quiet and half == "tuned":
            for reading in wrong:
                print(f"  {reading.sentence}  [{', '.join(reading.wrong)}]")


if __name__ == "__main__":
    main()
