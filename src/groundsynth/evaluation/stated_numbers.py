"""Shares that a sentence states: "45%", "about 45 percent", "two thirds", "less than 1%"."""

from __future__ import annotations

from dataclasses import dataclass

from groundsynth.evaluation.caption_tokens import word_set

UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
WORDS = {
    **{word: float(value) for value, word in enumerate(UNITS)},
    **{word: 10.0 * value for value, word in enumerate(TENS, start=2)},
    "hundred": 100.0,
}
FRACTIONS = {
    **{"half": 50.0, "halves": 50.0, "third": 100 / 3, "thirds": 100 / 3, "quarter": 25.0},
    **{"quarters": 25.0, "fourth": 25.0, "fourths": 25.0, "fifth": 20.0, "fifths": 20.0},
    **{"tenth": 10.0, "tenths": 10.0},
}
TIMES = {"a": 1.0, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "seven": 7.0, "nine": 9.0}
BEFORE_FRACTION = word_set(
    "a one two three four seven nine nearly almost about roughly around approximately over than "
    "least most half other remaining covers cover covering occupies takes exactly some just"
)
AT_MOST = (
    *(("less", "than"), ("fewer", "than"), ("under",), ("below",), ("up", "to"), ("at", "most")),
    *(("no", "more", "than"), ("not", "more", "than"), ("maximum", "of")),
)
AT_LEAST = (
    *(("more", "than"), ("over",), ("above",), ("at", "least"), ("no", "less", "than")),
    *(("exceeds",), ("exceed",), ("exceeding",), ("minimum", "of"), ("not", "less", "than")),
)
LOOSELY = word_set("about around roughly approximately some nearly almost circa")


@dataclass(frozen=True)
class Number:
    """A stated share between ``low`` and ``high`` percent, in tokens ``start`` to ``end``."""

    start: int
    end: int
    low: float
    high: float


def find_numbers(tokens: list[str]) -> list[Number]:
    """The shares that a sentence states, in order, with their bounds."""
    found: list[Number] = []
    place = 0
    while place < len(tokens):
        number = _percentage(tokens, place) or _fraction(tokens, place)
        if number is not None:
            found.append(_bounded(tokens, number))
        place = place + 1 if number is None else number.end
    return found


def _percentage(tokens: list[str], place: int) -> Number | None:
    value, end = _value(tokens, place)
    if value is None:
        return None
    low = value
    unit = _unit(tokens, end)
    if tokens[end + unit : end + unit + 1] in (["to"], ["and"], ["-"]):
        upper, upper_end = _value(tokens, end + unit + 1)
        between = tokens[end + unit] != "and" or tokens[place - 1 : place] == ["between"]
        if upper is not None and between and _unit(tokens, upper_end):
            return Number(place, upper_end + _unit(tokens, upper_end), low, upper)
    return Number(place, end + unit, value, value) if unit and value <= 100 else None


def _unit(tokens: list[str], place: int) -> int:
    """Length of "%", "percent" or "per cent" at ``place``; 0 if none stands there."""
    if tokens[place : place + 1] in (["%"], ["percent"]):
        return 1
    return 2 if tokens[place : place + 2] == ["per", "cent"] else 0


def _value(tokens: list[str], place: int) -> tuple[float | None, int]:
    """A number in figures or words at ``place``, and where it ends."""
    if place >= len(tokens):
        return None, place
    word = tokens[place]
    if word[0].isdecimal():
        return float(word.replace(",", ".")), place + 1
    if word not in WORDS:
        return None, place
    following = tokens[place + 1] if place + 1 < len(tokens) else ""
    if word in TENS and following in UNITS[1:10]:
        return WORDS[word] + WORDS[following], place + 2
    if word == "one" and following == "hundred":
        return 100.0, place + 2
    return WORDS[word], place + 1


def _fraction(tokens: list[str], place: int) -> Number | None:
    """``half``, ``a third``, ``two thirds``; not ``the lower half``, which is a place."""
    if tokens[place] not in FRACTIONS:
        return None
    before = tokens[place - 1] if place else ""
    if before not in BEFORE_FRACTION and before not in ("", ",", "and", "("):
        return None
    if before in ("", ",", "and", "(") and tokens[place] != "half":
        return None
    times = TIMES.get(before, 1.0)
    start = place - 1 if before in TIMES else place
    share = times * FRACTIONS[tokens[place]]
    return Number(start, place + 1, share, share)


def _bounded(tokens: list[str], number: Number) -> Number:
    """The number with what "less than" or "over" before it makes of its bounds."""
    start = number.start
    while start and tokens[start - 1] in LOOSELY:
        start -= 1
    for words, bounds in (
        *((words, (0.0, number.high)) for words in AT_MOST),
        *((words, (number.low, 100.0)) for words in AT_LEAST),
    ):
        if tuple(tokens[max(0, start - len(words)) : start]) == words:
            return Number(start - len(words), number.end, *bounds)
    return Number(start, number.end, number.low, number.high)
