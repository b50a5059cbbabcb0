"""Where a product comes from: version, parameters and inputs, without user, host or path.

The record goes into the metadata of every table and into the JSON sidecar of every model.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path, PurePath
from typing import Any

from groundsynth import __version__

BLOCK = 1 << 20
PASSWORD = re.compile(r"(?<=:)//[^/@\s]*@")
"""The user and password part of a URL."""


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal text."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def digest_of_value(value: Any) -> str:
    """SHA-256 of a JSON-like value in canonical form (first 16 hexadecimal digits)."""
    text = json.dumps(value, sort_keys=True, default=_canonical)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _canonical(value: Any) -> Any:
    if isinstance(value, set | frozenset):  # whose order changes from process to process
        return sorted(value)
    return str(value)


@cache
def commit() -> str | None:
    """Commit of the checkout the package runs from, with ``-dirty`` where it was changed.

    None where there is no git checkout: an installed package may lie inside another project's.
    """
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None


def provenance(
    verb: str, parameters: Mapping[str, Any] | None = None, inputs: Iterable[Path] = ()
) -> dict[str, Any]:
    """Record of one product: verb, version, commit, parameters, names of the inputs, time (UTC).

    Inputs are given by their path within the run; of a path outside only the name is kept.
    """
    return {
        "verb": verb,
        "version": __version__,
        "commit": commit(),
        "parameters": _plain(parameters or {}),
        "inputs": sorted(str(p) if not Path(p).is_absolute() else Path(p).name for p in inputs),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _plain(value: Any) -> Any:
    """``value`` without absolute paths, which name users and machines, and without passwords."""
    if isinstance(value, Path):
        return value.name if value.is_absolute() else str(value)
    if isinstance(value, str):
        if value.startswith(("/", "~", "file:")):
            return PurePath(value).name
        return PASSWORD.sub("//", value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
