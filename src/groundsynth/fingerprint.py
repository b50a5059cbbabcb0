"""What saved state was made from: digests of a job's parameters and inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pyarrow.lib import ArrowException
from pyarrow.parquet import ParquetFile

from groundsynth.errors import InputError
from groundsynth.files import read_json
from groundsynth.provenance import digest_of_value

BLOCK, BLOCKS = 1 << 16, 64
NAMED = 6
"""Most changed names in a message."""


def fingerprint(parameters: Mapping[str, Any], inputs: Iterable[Path]) -> dict[str, Any]:
    """What state depends on: each parameter's digest and each input's sampled digest."""
    return {
        "parameters": {name: digest_of_value(value) for name, value in parameters.items()},
        "inputs": {str(path): sampled_digest(path) for path in inputs},
    }


def sampled_digest(path: Path) -> str:
    """Digest of a file's size and of 64 blocks of 64 KiB spread evenly over it.

    Below 4 MiB this is the whole content; a full digest of shards of many gigabytes would cost
    minutes at each start. Neither the time nor the place of the file counts, so that a copied
    or touched input does not cost a training. A folder (a downloaded model) counts by the names
    and contents of its files, a Parquet table by its rows: its metadata say when it was made, and
    one that is made again with equal rows is the same input. Raises InputError when there is no
    such file.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return digest_of_value([(str(f.relative_to(path)), sampled_digest(f)) for f in files])
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise InputError(f"{path} is missing; run the stage that writes it.") from None
    if path.suffix == ".parquet" and (rows := _digest_of_rows(path)):
        return rows
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        step = max(BLOCK, size // BLOCKS)
        for offset in range(0, size, step):
            stream.seek(offset)
            digest.update(stream.read(BLOCK))
        stream.seek(max(0, size - BLOCK))
        digest.update(stream.read(BLOCK))
    return digest.hexdigest()[:16]


def _digest_of_rows(path: Path) -> str | None:
    """Digest of a Parquet table; None for a broken one, which its reader names."""
    digest = hashlib.sha256()
    try:
        with ParquetFile(path) as table:
            digest.update(table.schema_arrow.remove_metadata().to_string().encode())
            for batch in table.iter_batches():
                digest.update(batch.serialize())
    except (ArrowException, OSError):
        return None
    return digest.hexdigest()[:16]


def changes(path: Path, expected: Mapping[str, Any]) -> str:
    """What differs between a written fingerprint and the expected one; empty if nothing does."""
    try:
        found = read_json(path)
        old, inputs = found["parameters"], found["inputs"]
        contents = list(inputs.values())
    except (InputError, TypeError, KeyError, AttributeError):
        return "an unreadable fingerprint"
    new = expected["parameters"]
    names = sorted(n for n in {*old, *new} if old.get(n) != new.get(n))
    if contents != list(expected["inputs"].values()):  # paths may differ, contents may not
        pairs = {*inputs.items()} ^ {*expected["inputs"].items()}
        names += sorted({name for name, _ in pairs}) or ["the order of the inputs"]
    more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    return ", ".join(names[:NAMED] + more)
