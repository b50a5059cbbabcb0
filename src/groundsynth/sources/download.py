"""Downloading one file over HTTP: resumed where it broke off, whole or not at all.

Bytes go to a hidden ``.partial`` file beside the output, which a later attempt, also of another
process, continues as long as the server still has the same version (entity tag and size).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from groundsynth.errors import FetchError
from groundsynth.files import flush_to_disk, read_json, write_json, writing
from groundsynth.progress import Progress

ATTEMPTS = 6
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
TIMEOUT = (15.0, 60.0)
"""Seconds to connect, and between two pieces of data."""
CHUNK = 1 << 20
RETRIED = (408, 425, 429, 500, 502, 503, 504)


class Interrupted(Exception):
    """A transfer broke off for a reason that may pass."""


def download(url: str, output: Path) -> bool:
    """Download ``url`` to ``output``; False when the server says that it does not exist (404).

    Tries again, with growing pauses, until ATTEMPTS attempts in a row brought nothing new.
    Raises FetchError with the reason of the last one, or at once for an answer that another
    attempt would not change.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.partial")
    fruitless, reason = 0, ""
    with requests.Session() as session:
        while fruitless < ATTEMPTS:
            if reason:
                time.sleep(min(FIRST_WAIT * 2**fruitless, LONGEST_WAIT))
            before = _size(partial)
            try:
                if not _transfer(session, url, partial):
                    return False
                flush_to_disk(partial)
                partial.replace(output)
                _version_file(partial).unlink(missing_ok=True)
                return True
            except (requests.RequestException, Interrupted) as error:
                if isinstance(error, ValueError):  # requests' complaints about the address
                    raise FetchError(f"{public(url)} is no address ({error}).") from None
                reason = str(error)
            fruitless = 0 if _size(partial) > before else fruitless + 1
    raise FetchError(
        f"{public(url)} could not be downloaded in {ATTEMPTS} attempts ({reason}); run again "
        "later, it continues where it broke off."
    )


def public(url: str) -> str:
    """The address without user, password and query, for messages and records."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _transfer(session: requests.Session, url: str, partial: Path) -> bool:
    """One attempt; True when ``partial`` is whole, False when the server has no such file."""
    done, version = _resumable(partial)
    headers = {"Accept-Encoding": "identity"}
    if done:
        headers |= {"Range": f"bytes={done}-", "If-Range": version["etag"]}
    with session.get(url, headers=headers, timeout=TIMEOUT, stream=True) as answer:
        if answer.status_code == 404:
            return False
        if answer.status_code == 416:
            partial.unlink(missing_ok=True)
            raise Interrupted("the server cannot continue the file")
        _require_success(answer, url)
        if answer.status_code != 206:
            done = 0
        total = _total(answer, done)
        if done and (total != version["bytes"] or not _starts_at(answer, done)):
            partial.unlink(missing_ok=True)
            raise Interrupted("the server continued another file")
        write_json(_version_file(partial), {"etag": answer.headers.get("ETag"), "bytes": total})
        with writing(partial):
            _save(answer, partial, done, total)
    if total is not None and partial.stat().st_size != total:
        if partial.stat().st_size > total:
            partial.unlink()
        raise Interrupted(f"{_size(partial)} of {total} bytes arrived")
    return True


def _resumable(partial: Path) -> tuple[int, dict[str, Any]]:
    """Bytes that may be continued, and the version they are from (no strong tag: start anew)."""
    if not (_size(partial) and _version_file(partial).is_file()):
        return 0, {}
    version: dict[str, Any] = read_json(_version_file(partial))
    tag, total = version.get("etag"), version.get("bytes")
    if not tag or tag.startswith("W/") or not total or _size(partial) >= total:
        return 0, {}
    return _size(partial), version


def _require_success(answer: requests.Response, url: str) -> None:
    if answer.status_code in RETRIED:
        raise Interrupted(f"the server answered {answer.status_code} {answer.reason}")
    if answer.status_code not in (200, 206):
        raise FetchError(
            f"{public(url)}: the server answered {answer.status_code} {answer.reason}; check the "
            "address in the configuration, and that it needs no account."
        )


def _total(answer: requests.Response, done: int) -> int | None:
    """Size of the whole file by the answer's headers; None when the server does not say."""
    length = answer.headers.get("Content-Length")
    if done:
        whole = answer.headers.get("Content-Range", "").rpartition("/")[2]
        return int(whole) if whole.isdigit() else None
    return int(length) if length is not None else None


def _starts_at(answer: requests.Response, done: int) -> bool:
    return answer.headers.get("Content-Range", "").startswith(f"bytes {done}-")


def _save(answer: requests.Response, partial: Path, done: int, total: int | None) -> None:
    with (
        partial.open("ab" if done else "wb") as stream,
        Progress(
            f"download {partial.name[1:-8]}", (total or 0) / 1e6, "MB", done=done / 1e6
        ) as progress,
    ):
        for chunk in answer.iter_content(CHUNK):
            stream.write(chunk)
            progress.advance(len(chunk) / 1e6)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _version_file(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")
