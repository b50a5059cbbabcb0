"""What a caption claims about the classes of a legend."""

from __future__ import annotations

from dataclasses import dataclass

from groundsynth.evaluation.caption_tokens import sentences_of
from groundsynth.evaluation.claim_dominance import dominant_mention
from groundsynth.evaluation.claim_scope import Polarity, polarities
from groundsynth.evaluation.class_words import ClassWords
from groundsynth.evaluation.stated_shares import StatedShare, stated_shares

STRENGTH: dict[Polarity, int] = {"absent": 0, "minor": 1, "present": 2}


@dataclass(frozen=True)
class Claims:
    """Class indices by what a caption says of them, each in order of first mention.

    ``minor``: at most little ("minimal crop"); ``absent``: denied, or said to cover 0%;
    ``dominant``: called so.
    """

    present: tuple[int, ...]
    minor: tuple[int, ...]
    absent: tuple[int, ...]
    dominant: int | None
    shares: tuple[StatedShare, ...]


def caption_claims(caption: str, words: ClassWords) -> Claims:
    """The claims of a caption; of a class's several mentions the most affirmative one counts."""
    strongest: dict[int, Polarity] = {}
    shares: list[StatedShare] = []
    dominant: int | None = None
    for tokens in sentences_of(caption):
        mentions = words.find(tokens)
        found = polarities(tokens, mentions)
        named = [m for m, p in zip(mentions, found, strict=True) if p != "absent"]
        stated = stated_shares(tokens, named)
        none = {share.label for share in stated if share.high == 0}
        found = ["absent" if m.label in none else p for m, p in zip(mentions, found, strict=True)]
        for mention, polarity in zip(mentions, found, strict=True):
            known = strongest.setdefault(mention.label, polarity)
            if STRENGTH[polarity] > STRENGTH[known]:
                strongest[mention.label] = polarity
        affirmed = [m for m, p in zip(mentions, found, strict=True) if p == "present"]
        if dominant is None and (first := dominant_mention(tokens, affirmed)) is not None:
            dominant = first.label
        shares += stated

    def of(polarity: Polarity) -> tuple[int, ...]:
        return tuple(label for label, own in strongest.items() if own == polarity)

    return Claims(of("present"), of("minor"), of("absent"), dominant, tuple(shares))
