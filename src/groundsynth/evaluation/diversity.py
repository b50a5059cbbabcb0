"""Diversity of captions: how often they repeat when written alike, words and phrases, self-BLEU.

distinct-n is the share of distinct word n-grams among all (Li et al. 2016); self-BLEU the mean
BLEU-4 of each caption of a sample against the others (Zhu et al. 2018). Both depend on the number
of captions, which stands beside them.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Sequence

ORDERS = (1, 2, 3)
WORD = re.compile(r"[^\W_]+")


class DiversityCounter:
    """Counts normalised captions and their n-grams, and draws a sample for self-BLEU.

    ``sample`` captions are drawn by a hash of seed and position, the same in each run.
    """

    def __init__(self, sample: int, seed: int) -> None:
        self.sample, self.seed = sample, seed
        self.captions = 0
        self.distinct: set[int] = set()
        self.words: set[str] = set()
        self.grams: dict[int, set[int]] = {order: set() for order in ORDERS}
        self.totals = dict.fromkeys(ORDERS, 0)
        self.drawn: list[tuple[int, str]] = []  # a heap: the largest hash comes off first

    def add(self, caption: str) -> None:
        """Count one caption."""
        words = normalised_words(caption)
        self._draw(caption)
        self.captions += 1
        self.distinct.add(hash(tuple(words)))
        self.words.update(words)
        for order in ORDERS:
            grams = list(zip(*(words[start:] for start in range(order)), strict=False))
            self.totals[order] += len(grams)
            self.grams[order].update(map(hash, grams))

    def result(self) -> dict[str, int | float | None]:
        """Figures of all captions so far; a ratio without anything to count is None."""
        unique = len(self.distinct)
        sample = [caption for _, caption in sorted(self.drawn, reverse=True)]
        return {
            "normalised_unique": unique,
            "normalised_redundancy_percent": _percent(self.captions - unique, self.captions),
            "vocabulary": len(self.words),
            "words": self.totals[1],
            **{
                f"distinct_{order}_percent": _percent(len(self.grams[order]), self.totals[order])
                for order in ORDERS
            },
            "self_bleu": self_bleu(sample),
            "self_bleu_sample": len(sample),
        }

    def _draw(self, caption: str) -> None:
        if self.sample:
            key = f"{self.seed}/{self.captions}".encode()
            rank = -int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")
            if len(self.drawn) < self.sample:
                heapq.heappush(self.drawn, (rank, caption))
            else:
                heapq.heappushpop(self.drawn, (rank, caption))


def normalised_words(caption: str) -> list[str]:
    """The words of a caption without case, punctuation and white space."""
    return WORD.findall(caption.casefold())


def self_bleu(captions: Sequence[str]) -> float | None:
    """Mean BLEU-4 (0 to 100) of each caption against all others; None for fewer than two.

    By sacrebleu with its defaults for sentences (tokenisation 13a, exponential smoothing,
    effective order), without regard to case.
    """
    if len(captions) < 2:
        return None
    from sacrebleu.metrics import BLEU

    bleu = BLEU(lowercase=True, effective_order=True)
    scores = [
        bleu.sentence_score(caption, [*captions[:place], *captions[place + 1 :]]).score
        for place, caption in enumerate(captions)
    ]
    return float(sum(scores) / len(scores))


def _percent(count: int, total: int) -> float | None:
    return 100.0 * count / total if total else None
