"""Which class a stated share belongs to, by the words around it."""

from __future__ import annotations

from dataclasses import dataclass

from groundsynth.evaluation.caption_tokens import word_set
from groundsynth.evaluation.claim_scope import COPULAS, HARD, PREPOSITIONS, VERBS
from groundsynth.evaluation.class_words import Mention
from groundsynth.evaluation.stated_numbers import Number, find_numbers

TOGETHER = word_set("together combined jointly both")
OF_THE_AREA = word_set("of the this it its a")
NEAR = 4
"""So many words after a number, or after the verb behind it, may stand before the class."""


@dataclass(frozen=True)
class StatedShare:
    """A class is said to cover between ``low`` and ``high`` percent."""

    label: int
    low: float
    high: float

    def error(self, share: float) -> float:
        """Distance of the true share to the stated one, in percentage points."""
        return max(self.low - share, share - self.high, 0.0)


def stated_shares(tokens: list[str], mentions: list[Mention]) -> list[StatedShare]:
    """The shares that a sentence states of classes; one that names no class is left out."""
    numbers = find_numbers(tokens)
    if "respectively" in tokens and len(numbers) > 1 and len(mentions) >= len(numbers):
        pairs = zip(mentions[: len(numbers)], numbers, strict=True)
        return [StatedShare(m.label, n.low, n.high) for m, n in pairs]
    found = []
    for place, number in enumerate(numbers):
        begin = numbers[place - 1].end if place else 0
        end = numbers[place + 1].start if place + 1 < len(numbers) else len(tokens)
        for mention in _owners(tokens, mentions, number, begin, end):
            found.append(StatedShare(mention.label, number.low, number.high))
    return found


def _owners(
    tokens: list[str], mentions: list[Mention], number: Number, begin: int, end: int
) -> list[Mention]:
    """The mentions that a number is about; between the numbers before and after it."""
    before = [m for m in mentions if begin <= m.start and m.end <= number.start]
    after = [m for m in mentions if number.end <= m.start < end]
    if _in_parentheses(tokens, number):
        return before[-1:]
    if tokens[number.start - 1 : number.start] == ["each"]:
        return before
    direct = _directly_after(tokens, number, after)
    if direct is not None:
        return [direct]
    verb = _verb_after(tokens, number.end)
    if verb is not None:
        return [m for m in after[:1] if m.start <= verb + NEAR]
    clause = _clause_begin(tokens, number.start)
    before = [m for m in before if m.start >= clause]
    if "no" in tokens[clause : number.start] and not any(m.start < clause for m in mentions):
        return []
    if _is_joint(tokens, before, number.start):
        return []
    if before:
        return before[-1:]
    limit = _clause_end(tokens, number.end)
    return [m for m in after[:1] if m.start < limit]


def _in_parentheses(tokens: list[str], number: Number) -> bool:
    opened = tokens[: number.start].count("(") - tokens[: number.start].count(")")
    return opened > 0


def _directly_after(tokens: list[str], number: Number, after: list[Mention]) -> Mention | None:
    """The class of ``45% forest`` or ``45% of dense forest``."""
    if not after or after[0].start > number.end + NEAR:
        return None
    between = tokens[number.end : after[0].start]
    parting = PREPOSITIONS | COPULAS | HARD | VERBS | {",", "and", "the", "this", "(", ")"}
    return None if parting & set(between) else after[0]


def _verb_after(tokens: list[str], place: int) -> int | None:
    """Place of the verb of ``45% of the area is ...``; None where the clause goes on otherwise."""
    for step, token in enumerate(tokens[place:]):
        if token in COPULAS:
            return place + step
        near = token in OF_THE_AREA or 0 < step <= NEAR
        if (
            not near
            or token in (PREPOSITIONS | HARD | VERBS | {",", "(", ")", "and"}) - OF_THE_AREA
        ):
            return None
    return None


def _is_joint(tokens: list[str], before: list[Mention], place: int) -> bool:
    """Is the number that of several classes together?"""
    labels = {mention.label for mention in before}
    if len(labels) < 2:
        return False
    first, last = before[-2], before[-1]
    between = set(tokens[first.end : last.start])
    joined = "and" in between and not (between & (VERBS | COPULAS | HARD | PREPOSITIONS | {","}))
    tail = set(tokens[last.end : place])
    return bool(TOGETHER & tail) or (joined and not {"(", "at", ","} & tail)


def _clause_begin(tokens: list[str], place: int) -> int:
    for step in range(place - 1, -1, -1):
        if tokens[step] in (";", "but", "while", "whereas"):
            return step + 1
    return 0


def _clause_end(tokens: list[str], place: int) -> int:
    for step in range(place, len(tokens)):
        if tokens[step] in (";", ":", "but", "while", "whereas"):
            return step
    return len(tokens)
