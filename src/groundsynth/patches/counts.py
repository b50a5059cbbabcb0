"""How many candidates each tile had, how many were kept, and why the others were not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from groundsynth.errors import InputError
from groundsynth.files import read_json, write_json
from groundsynth.patches.filters import REASONS


@dataclass
class TileCounts:
    """Candidates of one tile: kept, or dropped for one reason each."""

    candidates: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))

    def count(self, reason: str | None) -> None:
        """Count one candidate: kept, or dropped for ``reason``."""
        self.candidates += 1
        if reason is None:
            self.kept += 1
        else:
            self.dropped[reason] += 1

    def adds_up(self) -> bool:
        """Whether the candidates are the kept and the dropped ones together."""
        return self.candidates == self.kept + sum(self.dropped.values())


def write_counts(path: Path, counts: Mapping[str, TileCounts]) -> None:
    """Write ``{tile: {candidates, kept, dropped: {reason: n}}}`` as JSON, atomically."""
    _require_sums(path, counts)
    write_json(path, {tile: asdict(entry) for tile, entry in counts.items()})


def read_counts(path: Path) -> dict[str, TileCounts]:
    """Read the counts of one shard; InputError when they are broken or do not add up."""
    content: dict[str, Any] = read_json(path)
    try:
        counts = {tile: TileCounts(**entry) for tile, entry in content.items()}
        _require_sums(path, counts)
    except (AttributeError, TypeError):
        raise InputError(
            f"{path} holds no patch counts; delete it and cut the shard again."
        ) from None
    return counts


def _require_sums(path: Path, counts: Mapping[str, TileCounts]) -> None:
    for tile, entry in counts.items():
        if not entry.adds_up():
            raise InputError(
                f"{path}: the counts of {tile} do not add up ({entry}); cut the shard again."
            )
