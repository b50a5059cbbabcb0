"""What was fetched of a captioning model: the receipt that ``fetch-model`` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from groundsynth.errors import InputError
from groundsynth.files import read_json, write_json

KEYS = {"repository", "revision", "commit"}


def write_model_receipt(
    path: Path, *, repository: str, revision: str, commit: str, folder: Path
) -> None:
    """Record the model in ``folder``: JSON with repository, configured revision (a branch, tag or
    commit), the commit that it stood for, number of files and bytes."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    record = {"repository": repository, "revision": revision, "commit": commit}
    write_json(path, {**record, "files": len(sizes), "bytes": sum(sizes)})


def fetched_commit(path: Path) -> str:
    """The commit that a receipt names; InputError when it names none."""
    return str(_read(path)["commit"])


def models_sentence(paths: Sequence[Path]) -> str:
    """One sentence that names each model of the receipts with its commit; empty without any."""
    named = []
    for path in paths:
        record = _read(path)
        asked = "" if record["revision"] == record["commit"] else f" ({record['revision']})"
        named.append(f"{record['repository']} at commit {record['commit']}{asked}")
    return f"Models as fetched: {'; '.join(named)}." if named else ""


def _read(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = read_json(path)
    if not set(record) >= KEYS:
        raise InputError(f"{path} names no commit; delete it, and its model is fetched again.")
    return record
