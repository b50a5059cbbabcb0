"""Reads YAML in which no key stands twice: YAML readers let the last one win without a word.

Called while the Snakefile is read: nothing heavy may be imported here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from groundsynth.errors import ConfigurationError

FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The fast reader where PyYAML was built with it."""
MERGE = "tag:yaml.org,2002:merge"


def load_yaml(path: Path) -> Any:
    """The content of a YAML file; ConfigurationError where a key stands in it twice."""
    return parse_yaml(path.read_text("utf-8"), path)


def parse_yaml(text: str, path: Path) -> Any:
    """The content of a YAML ``text``, which stands in the file ``path``, as by ``load_yaml``."""
    loader = FAST(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        for place, first, second in _repeated(node, (), set()):
            raise ConfigurationError(
                f"The configuration {path} gives {place} twice, in the lines {first} and {second}; "
                "put together what belongs there and remove the other."
            )
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _repeated(
    node: yaml.Node, place: tuple[str, ...], seen: set[int]
) -> Iterator[tuple[str, int, int]]:
    """Place (such as run.seed) and both lines of each key that stands in its section twice.

    ``seen`` are the nodes looked at before: an alias leads to the same one again.
    """
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _repeated(value, (*place, str(number)), seen)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[tuple[str, str], int] = {}
    for key, value in node.value:
        inner, line = (*place, str(key.value)), key.start_mark.line + 1
        name = (key.tag, str(key.value))
        if name in lines and isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
            yield ".".join(inner), lines[name], line
        lines[name] = line
        yield from _repeated(value, inner, seen)
