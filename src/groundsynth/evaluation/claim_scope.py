"""Which mentions a caption affirms, calls small, or denies: words of negation and their scope.

In the manner of NegEx (Chapman et al. 2001): a trigger before a mention reaches as far as the
noun phrase or list that it begins; one after it ("... are absent") reaches back over the subject.
"""

from __future__ import annotations

from typing import Literal

from groundsynth.evaluation.caption_tokens import phrase_at, phrase_table, word_set
from groundsynth.evaluation.class_words import Mention

Polarity = Literal["present", "minor", "absent"]

AFFIRMING = phrase_table(
    [
        *("no more than", "no less than", "no fewer than", "not more than", "not less than"),
        *("not only", "not just", "not merely", "not solely", "nothing but", "no doubt"),
        *("without doubt", "a few", "not entirely", "not completely", "not exclusively"),
        *("other than", "quite a few", "few and far between"),
    ]
)
DENYING = phrase_table(
    [
        *("no", "not", "without", "absence of", "lack of", "lacks", "lack", "lacking"),
        *("devoid of", "void of", "free of", "free from", "bereft of", "empty of", "barren of"),
        *("bare of", "neither", "nor", "never", "none of", "instead of", "rather than", "non"),
        *("no sign of", "no signs of", "no evidence of", "no trace of", "no traces of"),
    ]
)
SCANTING = phrase_table(
    [
        *("minimal", "minimally", "little", "very little", "few", "very few", "scarce", "sparse"),
        *("sparsely", "negligible", "trace of", "traces of", "limited", "hardly", "hardly any"),
        *("barely", "barely any", "scarcely", "scarcely any", "almost no", "nearly no", "minor"),
        *("virtually no", "practically no", "little or no", "little to no", "few or no"),
        *("few if any", "little if any", "marginal", "insignificant", "rare", "next to no"),
        *("minor contributions from", "minor contribution from", "minimal contribution from"),
    ]
)
PREPOSITIONS = word_set(
    "with in on at along alongside between near beside besides among amid around by from into "
    "over across through to for within under beneath behind above towards toward against"
)
COPULAS = word_set(
    "is are was were be been being remain remains seem seems appear appears look looks stay stays "
    "play plays can could may might has have had do does did"
)
HARD = word_set(
    "; : but yet while whereas although though however except apart which that where when so then "
    "only just mostly there this these those than"
)
VERBS = word_set(
    "covers covering covered dominates dominate dominated dominating occupies occupy occupying "
    "lies lie lying stretches stretch makes make making takes take taking accounts account "
    "surrounds surround surrounded contains contain containing consists consist includes include "
    "including suggests suggest suggesting indicates indicate indicating shows show showing "
    "followed interspersed exists exist occurs occur grows grow interrupts interrupt"
)
DETERMINERS = word_set("the a an its their one")
LINKS = word_set(", and or nor of")
ADVERBS = word_set(
    "also very quite only rather largely all of a each completely entirely mostly relatively "
    "almost nearly virtually practically wholly both be been generally"
)
NEARLY = word_set("almost nearly virtually practically")
GONE = word_set("absent missing lacking nowhere gone disappeared vanished nonexistent")
SMALL = word_set(
    "minimal negligible minor marginal scarce rare sparse limited low insignificant few hardly "
    "barely scarcely little"
)
SEEN = word_set(
    "visible present seen found occur appear exist grow observed detected identifiable apparent "
    "discernible evident any be there"
)


def polarities(tokens: list[str], mentions: list[Mention]) -> list[Polarity]:
    """What the sentence says of each mention."""
    segments = segment_numbers(tokens)
    found: list[Polarity] = ["absent" if m.denied else "present" for m in mentions]
    inside = {place for m in mentions for place in range(m.start, m.end)}
    predicates = _predicates(tokens, inside)
    place = 0
    while place < len(tokens):
        if place in inside or place in predicates:
            place += 1
            continue
        length, polarity = _trigger(tokens, place)
        if polarity is not None:
            _reach_forward(tokens, segments, mentions, found, place + length, polarity)
        place += max(length, 1)
    for place, polarity in _subjects_of(tokens, inside):
        _reach_back(tokens, segments, mentions, found, place, polarity)
    return found


def segment_numbers(tokens: list[str]) -> list[int]:
    """Number of the segment in which each token stands; a word that parts two begins the next."""
    numbers, current = [], 0
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else ""
        parts = token in PREPOSITIONS or token in COPULAS or token in HARD or token in VERBS
        parts = parts or (token == "," and not _is_list_comma(tokens, place))
        if token in DETERMINERS and before and before not in LINKS:
            parts = parts or not _ends_trigger(tokens, place)
        if before == "and" and token in DETERMINERS:
            parts = True
        current += parts
        numbers.append(current)
    return numbers


def _is_list_comma(tokens: list[str], comma: int) -> bool:
    """A comma of ``a, b and c``: an "and" follows before anything that parts clauses."""
    following = comma + 1
    if following < len(tokens) and tokens[following] in ("and", "or", "nor"):
        return "," in tokens[max(0, comma - 8) : comma]
    for token in tokens[following:]:
        if token in ("and", "or", "nor"):
            return True
        if token in PREPOSITIONS or token in COPULAS or token in HARD or token in VERBS:
            return False
        if token in DETERMINERS:
            return False
    return False


def _ends_trigger(tokens: list[str], place: int) -> bool:
    """Does a trigger end right before ``place``?"""
    for length in (1, 2, 3):
        start = place - length
        if start >= 0 and _trigger(tokens, start)[0] == length:
            return True
    return False


def _trigger(tokens: list[str], place: int) -> tuple[int, Polarity | None]:
    """Length of the longest trigger at ``place``, and what it says of what follows."""
    lengths: list[tuple[int, Polarity | None]] = [
        (phrase_at(tokens, place, AFFIRMING), None),
        (phrase_at(tokens, place, DENYING), "absent"),
        (phrase_at(tokens, place, SCANTING), "minor"),
    ]
    return max(lengths, key=lambda entry: entry[0])


def _reach_forward(
    tokens: list[str],
    segments: list[int],
    mentions: list[Mention],
    found: list[Polarity],
    start: int,
    polarity: Polarity,
) -> None:
    """Give the mentions after a trigger, in its segment, their polarity."""
    if start >= len(tokens):
        return
    single = tokens[start - 1] == "non"
    for number, mention in enumerate(mentions):
        if mention.start >= start and segments[mention.start] == segments[start]:
            if found[number] != "absent":
                found[number] = polarity
            if single:
                return


def _subjects_of(tokens: list[str], inside: set[int]) -> list[tuple[int, Polarity]]:
    """Verbs whose predicate denies or scants their subject, with what it says."""
    found = []
    for place, token in enumerate(tokens):
        if token in COPULAS and place not in inside:
            polarity, _ = _predicate(tokens, place + 1)
            if polarity is not None:
                found.append((place, polarity))
    return found


def _predicates(tokens: list[str], inside: set[int]) -> set[int]:
    """Places of the words of such predicates, which reach back and not forward."""
    places: set[int] = set()
    for place, token in enumerate(tokens):
        if token in COPULAS and place not in inside:
            polarity, end = _predicate(tokens, place + 1)
            if polarity is not None:
                places |= set(range(place, end))
    return places


def _predicate(tokens: list[str], place: int) -> tuple[Polarity | None, int]:
    """What a predicate that begins at ``place`` says of its subject, and where it ends."""
    nearly = False
    while place < len(tokens) and tokens[place] in ADVERBS:
        nearly = nearly or tokens[place] in NEARLY
        place += 1
    word = tokens[place] if place < len(tokens) else ""
    following = tokens[place + 1] if place + 1 < len(tokens) else ""
    if word in GONE or (word == "dried" and following == "up"):
        return ("minor" if nearly else "absent"), place + 1
    if word in ("not", "never") and following in SEEN:
        return "absent", place + 2
    if word in SMALL and not _names_something(tokens, place + 1):
        return "minor", place + 1
    return None, place


def _names_something(tokens: list[str], place: int) -> bool:
    """Does a noun other than a mere "part" follow, as in "there are few trees"?"""
    plain = {
        "part",
        "parts",
        "component",
        "components",
        "role",
        "importance",
        "feature",
        "features",
    }
    rest = tokens[place : place + 1]
    ends = PREPOSITIONS | COPULAS | HARD | VERBS | LINKS | plain | {")", "(", "visible", "present"}
    return bool(rest) and rest[0] not in ends


def _reach_back(
    tokens: list[str],
    segments: list[int],
    mentions: list[Mention],
    found: list[Polarity],
    place: int,
    polarity: Polarity,
) -> None:
    """Give the subject before a verb its polarity: the last segment that names a class."""
    start = place
    while start > 0:
        number = segments[start - 1]
        begin = segments.index(number)
        subject = [n for n, m in enumerate(mentions) if begin <= m.start < start]
        for n in subject:
            found[n] = polarity
        if subject or tokens[begin] not in PREPOSITIONS:
            return
        start = begin
