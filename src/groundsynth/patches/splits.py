"""Train, validation and test: a patch's split depends on its own name or place only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal

from groundsynth.errors import ConfigurationError
from groundsynth.patches.blocks import Block, Bounds, block_at, blocks_within, grown
from groundsynth.patches.filters import NEAR_OTHER_SPLIT, NOT_LISTED

SPLITS = ("train", "validation", "test")
SplitMethod = Literal["random", "block", "file"]


class Splitter:
    """Gives each patch its split.

    - ``random``: by the hash of the seed and the patch's id;
    - ``block``: by the hash of the seed and the block of ``block_degrees`` that the patch lies
      in. Patches of different splits keep ``block_distance_metres`` (geodesic, WGS 84): each
      keeps half of it from every block of another split, or belongs to none. At 0 the patch's
      centre decides, nothing is dropped, and patches may meet or overlap across a border;
    - ``file``: as ``listed`` says, by patch id; other patches have no split.

    The hash (first 8 bytes of SHA-256, as a fraction) falls into the ``fractions`` laid end to
    end in the order train, validation, test. Adding patches changes no other patch's split.
    """

    def __init__(
        self,
        method: SplitMethod,
        fractions: Mapping[str, float],
        seed: int,
        block_degrees: float | None = None,
        block_distance_metres: float = 0,
        listed: Mapping[str, str] | None = None,
    ) -> None:
        _require_fractions(fractions)
        if method == "block" and not (block_degrees and block_degrees > 0):
            raise ConfigurationError(
                "The split method 'block' needs the size of a block; give split_block_degrees "
                "above 0, for example 0.25."
            )
        if (method == "file") != (listed is not None):
            raise ConfigurationError(
                f"The split method is {method!r} and a split file is "
                f"{'missing' if listed is None else 'given'}; give one for 'file', and only there."
            )
        self.method, self.seed, self.listed = method, seed, listed
        self.reason = NOT_LISTED if method == "file" else NEAR_OTHER_SPLIT
        self.block_degrees, self.half_distance = block_degrees, block_distance_metres / 2
        self.fractions = [float(fractions.get(name, 0)) for name in SPLITS]

    def split_of(self, patch_id: str, bounds: Bounds) -> str | None:
        """Split of the patch called ``patch_id``; None where it has none, for what ``reason`` says.

        ``bounds`` of its footprint in degrees (see blocks.bounds_of).
        """
        if self.listed is not None:
            return self.listed.get(patch_id)
        if self.method == "block" and self.block_degrees:
            return self._by_block(bounds, self.block_degrees)
        return self._by_hash(f"{self.seed}/{patch_id}")

    def _by_block(self, bounds: Bounds, size: float) -> str | None:
        if not self.half_distance:
            west, south, east, north = bounds
            return self._of_block(block_at((west + east) / 2, (south + north) / 2, size))
        near = blocks_within(grown(bounds, self.half_distance), size)
        found = {self._of_block(block) for block in near}
        return found.pop() if len(found) == 1 else None

    def _of_block(self, block: Block) -> str:
        return self._by_hash(f"{self.seed}/{block[0]}/{block[1]}")

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
