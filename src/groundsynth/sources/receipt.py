"""The end of every tile: a file or an empty stand-in, and a receipt that says which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from groundsynth.errors import FetchError
from groundsynth.files import atomic, read_json, write_json
from groundsynth.provenance import digest_of


def write_receipt(tile: str, origin: str, output: Path, receipt: Path) -> None:
    """Record a tile: JSON with tile, present, bytes, sha256 (null when absent) and origin."""
    size = output.stat().st_size
    write_json(
        receipt,
        {
            "tile": tile,
            "present": size > 0,
            "bytes": size,
            "sha256": digest_of(output) if size else None,
            "origin": origin,
        },
    )


def require_any_present(receipts: Sequence[Path]) -> None:
    """FetchError when all tiles of a kind (imagery, labels: the receipts' folder) are absent."""
    origins: dict[str, list[str]] = {}
    for path in receipts:
        record = read_json(path)
        here = origins.setdefault(path.parent.name, [])
        here += [record["origin"]] if not record["present"] else [""]
    for kind, absent in origins.items():
        if all(absent):
            raise FetchError(
                f"None of the {len(absent)} {kind} tiles of the area exists (the first asked for "
                f"was {absent[0]}); check source.worldcover.{kind}_url, or enlarge source.area "
                "if it is all ocean."
            )


def write_absent(output: Path) -> None:
    """Write the empty file that stands for a tile that does not exist (all ocean)."""
    with atomic(output) as temporary:
        temporary.touch()
