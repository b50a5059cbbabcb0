"""Which class a sentence calls the dominant one."""

from __future__ import annotations

from collections.abc import Sequence

from groundsynth.evaluation.caption_tokens import phrase_at, phrase_table, word_set
from groundsynth.evaluation.claim_scope import COPULAS, HARD, PREPOSITIONS, VERBS
from groundsynth.evaluation.class_words import Mention

BEFORE = phrase_table(
    [
        *("dominated by", "dominance of", "predominantly", "predominately", "mostly", "mainly"),
        *("primarily", "largely", "chiefly", "principally", "entirely", "wholly", "completely"),
        *("overwhelmingly", "consists of", "majority of", "all"),
    ]
)
"""The class follows: "dominated by forest"."""
QUANTITY = phrase_table(
    [
        *("most of", "the majority of", "the bulk of", "nearly everything", "almost all of"),
        *("the largest part of", "the largest share", "the greater part of", "nearly all of"),
        *("all of", "the entire", "the whole"),
    ]
)
"""The class stands before ("forest covers most of the area") or after ("most of it is forest")."""
AFTER = phrase_table(
    [
        *("dominates", "dominate", "dominating", "prevails", "prevail", "predominates"),
        *("predominate", "dominant", "the main land", "the largest land", "the largest class"),
        *("main land", "largest land", "largest class", "leads", "lead with", "comes first"),
        *("come first", "predominant", "prevailing"),
    ]
)
"""The class stands before: "forest dominates", "forest is the dominant land use"."""
SUBJECT_VERBS = word_set(
    "covers cover covering occupies occupy takes take makes make fills fill accounts holds hold "
    "forms form constitutes comprises"
)


def dominant_mention(tokens: list[str], mentions: Sequence[Mention]) -> Mention | None:
    """The first mention that the sentence calls dominant; ``mentions`` are the affirmed ones."""
    for place in range(len(tokens)):
        if length := phrase_at(tokens, place, QUANTITY):
            found = _by_quantity(tokens, mentions, place, place + length)
        elif length := phrase_at(tokens, place, BEFORE):
            found = _following(tokens, mentions, place + length)
        elif length := phrase_at(tokens, place, AFTER):
            found = _preceding(tokens, mentions, place) or _predicate(tokens, mentions, place)
        else:
            continue
        if found is not None:
            return found
    return None


def _following(tokens: list[str], mentions: Sequence[Mention], place: int) -> Mention | None:
    """The first mention after ``place``, unless another part of the sentence begins before it."""
    parting = PREPOSITIONS | COPULAS | HARD | (VERBS - {"covered", "consists", "consist"})
    for step in range(place, len(tokens)):
        for mention in mentions:
            if mention.start == step:
                return mention
        if tokens[step] in parting - {"by"}:
            return None
    return None


def _preceding(tokens: list[str], mentions: Sequence[Mention], place: int) -> Mention | None:
    """The subject before a verb: the first mention of the clause that ends at ``place``."""
    begin = place
    while begin and tokens[begin - 1] not in (";", ":", "while", "whereas", "but"):
        begin -= 1
    inside = [m for m in mentions if begin <= m.start and m.end <= place]
    return inside[0] if inside else None


def _predicate(tokens: list[str], mentions: Sequence[Mention], place: int) -> Mention | None:
    """The class of "the dominant land use is forest"."""
    for step in range(place, min(place + 6, len(tokens))):
        if tokens[step] in COPULAS:
            return _following(tokens, mentions, step + 1)
    return None


def _by_quantity(
    tokens: list[str], mentions: Sequence[Mention], place: int, end: int
) -> Mention | None:
    if place and tokens[place - 1] in SUBJECT_VERBS | {"up"}:
        return _preceding(tokens, mentions, place)
    for step in range(end, min(end + 6, len(tokens))):
        if tokens[step] in COPULAS | {"consists", "shows"}:
            return _following(tokens, mentions, step + 1)
    return None
