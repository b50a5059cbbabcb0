"""The reference of every configuration key, written from the schema and config.yaml.

``python -m groundsynth.configuration_reference`` writes config/README.md, so that it cannot
drift from what is checked and what is set.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from groundsynth.configuration_schema import Schema, allowed, resolved
from groundsynth.configuration_yaml import load_yaml

CONFIG_FOLDER = Path(__file__).resolve().parents[2] / "config"
NAME = "<name>"
"""Stands for a key that the user chooses, such as the name of a mix."""

HEAD = """\
# Configuration

<!-- Written by `python -m groundsynth.configuration_reference`; edit config.schema.yaml. -->

`config.yaml` holds every key, with the values of the paper. To change some, name only those in a
file of your own and lay it over the rest:

```yaml
# my.yaml
run: {name: aegean}
source:
  area: {west: 26, south: 37, east: 28, north: 39}
segmentation:
  architectures: [segformer]
```

```
make run CONFIG=my.yaml
snakemake --configfile my.yaml
```

Sections are merged key by key; a list replaces the list before it. An unknown key, one written
twice in a file, a wrong value or a combination that cannot work is refused before anything runs,
in one sentence that names the key. YAML reads `1e-3` as text: write `0.001`.

To use your own rasters, set `source.kind: rasters` and name them under `source.rasters`; to use
another legend, replace `legend` as a whole. `<name>` below stands for a name that you choose.
"""


def reference(folder: Path = CONFIG_FOLDER) -> str:
    """The text of README.md for the schema and defaults in ``folder``."""
    schema = load_yaml(folder / "config.schema.yaml")
    defaults = load_yaml(folder / "config.yaml")
    sections = [
        _section(schema, name, node, defaults[name]) for name, node in schema["properties"].items()
    ]
    return "\n".join([HEAD, _overlays(folder), *sections])


def _overlays(folder: Path) -> str:
    """A table of the overlays given beside config.yaml, each by the first words of its file."""
    lines = ["| overlay | what it is |", "|---|---|"]
    for path in sorted(folder.glob("*.yaml")):
        if path.name not in ("config.yaml", "config.schema.yaml"):
            comments = [line for line in path.read_text("utf-8").splitlines() if line[:2] == "# "]
            about = next((c for c in comments if "yaml-language-server" not in c), "# ")
            lines.append(f"| `{path.name}` | {_cell(about[2:])} |")
    return "\n".join([*lines, ""])


def keys(schema: Schema, node: Schema, place: str = "") -> Iterator[tuple[str, Schema]]:
    """Every key below a node, as its dotted place and its own node; sections before their keys."""
    for name, child in node.get("properties", {}).items():
        yield from _with_keys(schema, resolved(schema, child), f"{place}.{name}" if place else name)
    if isinstance(node.get("additionalProperties"), dict):
        below = resolved(schema, node["additionalProperties"])
        yield from _with_keys(schema, below, f"{place}.{NAME}" if place else NAME)


def _with_keys(schema: Schema, node: Schema, place: str) -> Iterator[tuple[str, Schema]]:
    yield place, node
    yield from keys(schema, node, place)
    entry = resolved(schema, node.get("items", {}))
    if "properties" in entry:
        yield from keys(schema, entry, f"{place}[]")


def _section(schema: Schema, name: str, node: Schema, values: Any) -> str:
    rows = [
        f"| `{place}` | {_set(entry, values, place)} | {_allowed(schema, entry)} "
        f"| {_cell(entry['description'])} |"
        for place, entry in keys(schema, node)
    ]
    lines = [
        f"## {name}",
        "",
        node["description"],
        "",
        "| key | in config.yaml | allowed | meaning |",
        "|---|---|---|---|",
        *rows,
        "",
    ]
    return "\n".join(lines)


def _set(node: Schema, values: Any, place: str) -> str:
    """What config.yaml sets a key to; the names where the user chooses them."""
    if NAME in place or "[]" in place or "properties" in node:
        return ""
    for part in place.split("."):
        values = values[part]
    if node.get("type") == "object":
        return ", ".join(f"`{name}`" for name in values) or "none"
    if isinstance(values, list) and values and isinstance(values[0], dict):
        return f"{len(values)} entries"
    return f"`{_cell(json.dumps(values, ensure_ascii=False))}`"


def _allowed(schema: Schema, node: Schema) -> str:
    return "section" if node.get("type") == "object" else _cell(allowed(schema, node))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def main() -> int:
    """Write config/README.md of this checkout."""
    (CONFIG_FOLDER / "README.md").write_text(reference(CONFIG_FOLDER), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
