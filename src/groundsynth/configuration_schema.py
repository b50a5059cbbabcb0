"""The closed schema of the configuration, read as people read it: places, and values in words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]


def load_yaml(path: Path) -> Any:
    """The content of a YAML file, by the fast reader where PyYAML was built with it."""
    return yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def resolved(schema: Schema, node: Schema) -> Schema:
    """A node of the schema with its ``$ref`` filled in; what the node says itself wins."""
    if "$ref" not in node:
        return node
    name = node["$ref"].removeprefix("#/$defs/")
    return {**schema["$defs"][name], **node}


def node_at(schema: Schema, path: Iterable[str | int]) -> Schema:
    """The node that describes the value at a place of the configuration, such as (run, seed)."""
    node = schema
    for part in path:
        if isinstance(part, int):
            node = node["items"]
        else:
            node = node.get("properties", {}).get(part) or node["additionalProperties"]
        node = resolved(schema, node)
    return node


def allowed(schema: Schema, node: Schema) -> str:
    """The values that a node allows, in words; ``x-allowed`` says it for patterns."""
    if "x-allowed" in node:
        return str(node["x-allowed"])
    if "enum" in node:
        values = [_value(value) for value in node["enum"]]
        return values[0] if len(values) == 1 else "one of " + ", ".join(values)
    kinds = [node["type"]] if isinstance(node["type"], str) else node["type"]
    words = [_kind(schema, node, kind) for kind in kinds if kind != "null"]
    return " or ".join(words + ["null"] * ("null" in kinds))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _kind(schema: Schema, node: Schema, kind: str) -> str:
    if kind in ("integer", "number"):
        return {"integer": "a whole number", "number": "a number"}[kind] + _range(node)
    if kind == "array":
        return f"a list{_length(node)}, each {allowed(schema, resolved(schema, node['items']))}"
    return {"boolean": "true or false", "object": "a section of keys", "string": "text"}[kind]


def _range(node: Schema) -> str:
    low, above, high = (node.get(k) for k in ("minimum", "exclusiveMinimum", "maximum"))
    low_words = f" above {above}" if above is not None else f" from {low}"
    if high is not None:
        return f"{low_words if low is not None or above is not None else ''} to {high}"
    return low_words if low is not None or above is not None else ""


def _length(node: Schema) -> str:
    low, high = node.get("minItems"), node.get("maxItems")
    if low is None:
        return ""
    if low == high:
        return f" of {low}"
    return f" of at least {low}" if high is None else f" of {low} to {high}"
