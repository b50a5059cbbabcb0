"""The end of every tile: a file or an empty stand-in, and a receipt that says which."""

from __future__ import annotations

from pathlib import Path

from groundsynth.files import atomic, write_json
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


def write_absent(output: Path) -> None:
    """Write the empty file that stands for a tile that does not exist (all ocean)."""
    with atomic(output) as temporary:
        temporary.touch()
