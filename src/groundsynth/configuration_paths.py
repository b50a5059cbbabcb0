"""Files that a configuration names: what is wrong with one, a sentence each.

Called while the Snakefile is read: nothing heavy may be imported here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def file_problems(key: str, path: str) -> Iterator[str]:
    """What keeps the file ``path`` under ``key`` from being the input of a rule."""
    if {"{", "}"} & set(path):
        yield (
            f"{key} is {path}, whose braces would be read as wildcards; rename the file or its "
            "folder."
        )
    if not Path(path).is_file():
        yield missing(key, path)


def missing(key: str, path: str) -> str:
    """The sentence about a path where nothing lies."""
    return (
        f"{key} is {path}, which is no file (relative paths count from the run's folder, here "
        f"{Path.cwd()}); correct the path."
    )
