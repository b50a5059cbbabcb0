"""Downloading one file over HTTP: resumed where it broke off, whole or not at all.

Bytes go to a hidden ``.partial`` file beside the output, which a later attempt, also of another
process, continues as long as the server still has the same version (entity tag and size).
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit, urlunsplit

import requests

from groundsynth.errors import FetchError
from groundsynth.files import flush_to_disk, read_json, write_json, writing
from groundsynth.progress import Progress
from groundsynth.sources.checksum import ASKED, announced, differing

ATTEMPTS = 6
REFUSALS = 3
"""Attempts in a row after answers that hardly another attempt will change, such as 403."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
LONGEST_ASKED = 600.0
"""Seconds that a server's Retry-After is heeded at most."""
TIMEOUT = (15.0, 60.0)
"""Seconds to connect, and between two pieces of data."""
CHUNK = 1 << 20
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Answers of a server that is busy or ill, not of one that refuses."""


class Interrupted(Exception):
    """A transfer broke off; ``wait``: seconds that the server asked to be left alone."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait


class Refused(Interrupted):
    """The server answered something that is not the file."""


def download(url: str, output: Path) -> bool:
    """Download ``url`` to ``output``; False when the server says that it does not exist (404).

    Tries again, with growing pauses, until ATTEMPTS attempts in a row brought nothing new
    (REFUSALS where the server refuses). Size and, where the server gives one, checksum are
    verified. Of two processes that download to the same output the second waits for the first.
    Raises FetchError with the address and the reason of the last attempt.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.partial")
    with _alone(partial):
        found = _whole(url, partial)
        if found:
            flush_to_disk(partial)
            partial.replace(output)
        _discard(partial)
    return found


@contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """Keep other processes from a partial file: two writers would mix their bytes."""
    path = partial.with_suffix(".lock")
    stream = _locked(path)
    while not _is_there(stream, path):  # the one before finished and removed it
        stream.close()
        stream = _locked(path)
    with stream:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _locked(path: Path) -> TextIO:
    """The file, opened and locked, as soon as nobody else has it locked."""
    stream = path.open("a")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"{path.stem[1:]}: another process downloads it; waiting", file=sys.stderr)
        fcntl.flock(stream, fcntl.LOCK_EX)
    except OSError as error:
        stream.close()
        raise FetchError(
            f"{path.parent} lies on a file system without locks ({error.strerror}); put the run's "
            "folder on another one."
        ) from None
    return stream


def _is_there(stream: TextIO, path: Path) -> bool:
    """Whether an open file is still the one at the path."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _whole(url: str, partial: Path) -> bool:
    """Download to ``partial``, in as many attempts as it takes; False where there is no file."""
    found, fruitless = None, 0
    with requests.Session() as session:
        while found is None:
            before = _size(partial)
            try:
                found = _transfer(session, url, partial)
            except (requests.RequestException, Interrupted) as error:
                if isinstance(error, ValueError):  # requests' complaints about the address
                    raise FetchError(f"{public(url)} is no address ({error}).") from None
                if isinstance(error, requests.exceptions.ChunkedEncodingError):
                    error = Interrupted(f"the transfer broke off after {_size(partial)} bytes")
                fruitless = 0 if _size(partial) > before else fruitless + 1
                _pause(url, error, fruitless)
    return found


def _pause(url: str, error: Exception, fruitless: int) -> None:
    """Wait before the next attempt; FetchError when ``fruitless`` attempts were the last."""
    if fruitless >= (REFUSALS if isinstance(error, Refused) else ATTEMPTS):
        advice = "run again later, it continues where it broke off"
        if isinstance(error, Refused):
            advice = "check the address in the configuration, and that it needs no account"
        raise FetchError(
            f"{public(url)} could not be downloaded in {fruitless} attempts ({error}); {advice}."
        ) from None
    asked = min(getattr(error, "wait", 0), LONGEST_ASKED)
    seconds = max(min(FIRST_WAIT * 2**fruitless, LONGEST_WAIT), asked)
    print(f"{public(url)}: {error}; again in {seconds:.0f} s", file=sys.stderr, flush=True)
    time.sleep(seconds)


def public(url: str) -> str:
    """The address without user, password and query, for messages and records."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _transfer(session: requests.Session, url: str, partial: Path) -> bool:
    """One attempt; True when ``partial`` is whole, False when the server has no such file."""
    done, version = _resumable(partial)
    headers = {"Accept-Encoding": "identity", **ASKED}
    if done:
        headers |= {"Range": f"bytes={done}-", "If-Range": version["etag"]}
    with session.get(url, headers=headers, timeout=TIMEOUT, stream=True) as answer:
        if answer.status_code == 404:
            return False
        if answer.status_code == 416:
            _discard(partial)
            raise Interrupted("the server cannot continue the file")
        _require_success(answer)
        if answer.status_code != 206:
            done = 0
        total = _total(answer, done)
        if done and (total != version["bytes"] or not _starts_at(answer, done)):
            _discard(partial)
            raise Interrupted("the server continued another file")
        checksums = announced(answer.headers, not done) | (version["checksums"] if done else {})
        version = {"etag": answer.headers.get("ETag"), "bytes": total, "checksums": checksums}
        write_json(_version_file(partial), version)
        with writing(partial):
            _save(answer, partial, done, total)
    _require_whole(partial, total, checksums)
    return True


def _require_whole(partial: Path, total: int | None, checksums: dict[str, str]) -> None:
    """Interrupted unless the file has its announced size (if any) and checksums."""
    size = _size(partial)
    if total is not None and size < total:
        raise Interrupted(f"{size} of {total} bytes arrived")
    if total is not None and size > total:
        _discard(partial)
        raise Interrupted(f"{size} bytes arrived instead of {total}")
    wrong = differing(partial, checksums)
    if wrong:
        _discard(partial)
        raise Interrupted(f"the file that arrived has another {wrong} checksum than announced")


def _resumable(partial: Path) -> tuple[int, dict[str, Any]]:
    """Bytes that may be continued, and the version they are from (no strong tag: start anew)."""
    if not (_size(partial) and _version_file(partial).is_file()):
        return 0, {}
    version: dict[str, Any] = read_json(_version_file(partial))
    version.setdefault("checksums", {})
    tag, total = version.get("etag"), version.get("bytes")
    if not tag or tag.startswith("W/") or not total or _size(partial) >= total:
        return 0, {}
    return _size(partial), version


def _require_success(answer: requests.Response) -> None:
    said = f"the server answered {answer.status_code} {answer.reason}".rstrip()
    if answer.status_code in PASSING:
        raise Interrupted(said, _asked_wait(answer.headers.get("Retry-After", "")))
    if answer.status_code not in (200, 206):
        raise Refused(said)
    sized = "Content-Length" in answer.headers or "Content-Range" in answer.headers
    if not sized and "chunked" not in answer.headers.get("Transfer-Encoding", "").lower():
        raise Refused("the server does not say where the file ends, so that a part may look whole")


def _asked_wait(text: str) -> float:
    """Seconds of a Retry-After header, which holds a number or a date; 0 for anything else."""
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


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


def _discard(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _version_file(partial).unlink(missing_ok=True)
