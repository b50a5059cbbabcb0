"""Train, validation and test by hash: a patch's split depends on its own name or place only."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Literal

from groundsynth.errors import ConfigurationError

SPLITS = ("train", "validation", "test")
SplitMethod = Literal["random", "block"]


class Splitter:
    """Gives each patch its split.

    - ``random``: by the hash of the seed and the patch's id;
    - ``block``: by the hash of the seed and the block of ``block_degrees`` that the patch's
      centre lies in, so that neighbouring patches mostly share a split.

    The hash (first 8 bytes of SHA-256, as a fraction) falls into the ``fractions`` laid end to
    end in the order train, validation, test. Adding patches changes no other patch's split.
    """

    def __init__(
        self,
        method: SplitMethod,
        fractions: Mapping[str, float],
        seed: int,
        block_degrees: float | None = None,
    ) -> None:
        _require_fractions(fractions)
        if method == "block" and not (block_degrees and block_degrees > 0):
            raise ConfigurationError(
                "The split method 'block' needs the size of a block; give split_block_degrees "
                "above 0, for example 0.25."
            )
        self.method, self.seed, self.block_degrees = method, seed, block_degrees
        self.fractions = [float(fractions.get(name, 0)) for name in SPLITS]

    def split_of(self, patch_id: str, longitude: float, latitude: float) -> str:
        """Split of the patch called ``patch_id`` with its centre at the given degrees."""
        name = patch_id
        if self.method == "block" and self.block_degrees:
            size = self.block_degrees
            name = f"{math.floor(longitude / size)}/{math.floor(latitude / size)}"
        return self._by_hash(f"{self.seed}/{name}")

    def _by_hash(self, text: str) -> str:
        place = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
        upper = 0.0
        for split, fraction in zip(SPLITS, self.fractions, strict=True):
            upper += fraction
            if place < upper:
                return split
        return next(s for s, f in reversed(list(zip(SPLITS, self.fractions, strict=True))) if f)


def _require_fractions(fractions: Mapping[str, float]) -> None:
    unknown = sorted(set(fractions) - set(SPLITS))
    if unknown:
        raise ConfigurationError(
            f"The split fractions name {', '.join(unknown)}; the splits are {', '.join(SPLITS)}."
        )
    values = list(fractions.values())
    if any(v < 0 for v in values) or abs(sum(values) - 1) > 1e-6:
        raise ConfigurationError(
            f"The split fractions {dict(fractions)} must be 0 or more and sum to 1."
        )
