"""Whole files or none: writing under a temporary name, renaming when complete."""

from __future__ import annotations

import errno
import glob
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from groundsynth.errors import InputError, OutputError

LEFTOVER_SECONDS = 86400.0
"""Age at which a temporary file counts as left over by a job that was killed."""

REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG)


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` when the block succeeds.

    The temporary name keeps the suffix (libraries choose a format by it). On an error the
    temporary file is removed and an existing ``path`` stays as it was. What a killed job left
    behind is removed by the next writer. Raises OutputError where the disk is full or the folder
    may not be written.
    """
    writer = f"{os.uname().nodename}.{os.getpid()}"
    temporary = path.with_name(f".{path.stem}.{writer}.part{path.suffix}")
    try:
        with writing(path, temporary):
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(path)
            yield temporary
            flush_to_disk(temporary)
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def writing(path: Path, *others: Path) -> Iterator[None]:
    """Turn the system's refusal to write ``path`` (or ``others``) into an OutputError."""
    try:
        yield
    except OSError as error:
        own = {str(place) for place in (path, *path.parents, *others)}
        if error.errno in REFUSED and (error.filename is None or str(error.filename) in own):
            raise OutputError(
                f"{path} cannot be written ({os.strerror(error.errno)}); free space or correct "
                "the permissions, then start again."
            ) from error
        raise


def flush_to_disk(path: Path) -> None:
    """Wait until the file's content is on the disk: a rename must not overtake it."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _remove_leftovers(path: Path) -> None:
    """Remove temporary files of writers of ``path`` that are dead or a day old."""
    pattern = f".{glob.escape(path.stem)}.*.part{glob.escape(path.suffix)}"
    for leftover in path.parent.glob(pattern):
        try:
            age = time.time() - leftover.stat().st_mtime
            if age > LEFTOVER_SECONDS or _writer_is_dead(leftover, path):
                leftover.unlink(missing_ok=True)
        except FileNotFoundError:
            continue  # its writer was quicker


def _writer_is_dead(leftover: Path, path: Path) -> bool:
    """Whether the writer, named in the temporary name, ran on this host and is gone."""
    middle = leftover.name.removeprefix(f".{path.stem}.").removesuffix(f".part{path.suffix}")
    host, _, pid = middle.rpartition(".")
    return host == os.uname().nodename and pid.isdigit() and not Path(f"/proc/{pid}").exists()


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented UTF-8 JSON, atomically."""
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    with atomic(path) as temporary:
        temporary.write_text(text, "utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file; InputError when it is missing or broken."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; run the stage that writes it.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "not text"
        raise InputError(
            f"{path} is not valid JSON ({where}); delete it and run its stage again."
        ) from None
