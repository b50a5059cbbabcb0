"""The closed schema of the configuration in words: places, allowed values, what is refused."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from jsonschema.exceptions import ValidationError

Schema = dict[str, Any]


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


def refusal(error: ValidationError, rules: Schema) -> str:
    """A schema error as one sentence that names the key and what it allows."""
    place = ".".join(str(part) for part in error.absolute_path)
    node = node_at(rules, error.absolute_path)
    given: Any = error.instance
    if "propertyNames" in error.absolute_schema_path:
        return (
            f"The configuration key {place} holds the name {given!r}, which cannot stand "
            "in a file name; use letters, digits and . _ + - only, a letter or digit first."
        )
    if error.validator == "additionalProperties":
        return _unknown_key(given, list(node.get("properties", {})), place)
    if error.validator == "required":
        missing = ", ".join(key for key in node["required"] if key not in given)
        where = f"The configuration key {place}" if place else "The configuration"
        return f"{where} lacks {missing}; config/README.md says what to give."
    if error.validator == "uniqueItems":
        return f"The configuration key {place} names something twice; remove one of the two."
    about = f" ({str(node['description']).rstrip('.')})" if "description" in node else ""
    return (
        f"The configuration key {place or 'at the top'} is {_shown(given)}, but must be "
        f"{allowed(rules, node)}{about}; correct it{_number_advice(error)}."
    )


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _number_advice(error: ValidationError) -> str:
    """What YAML takes for text although it was meant as a number, such as 1e-3."""
    if error.validator != "type" or not isinstance(error.instance, str):
        return ""
    try:
        value = Decimal(error.instance)
    except InvalidOperation:
        return ""
    return f": write the number {value:f} without quotes or exponent (YAML reads 1e-3 as text)"


def _unknown_key(given: Schema, known: list[str], place: str) -> str:
    unknown = next(str(key) for key in given if key not in known)
    near = difflib.get_close_matches(unknown, known, n=1, cutoff=0.5)
    advice = f"did you mean {near[0]}?" if near else f"known keys are {', '.join(known)}."
    full = f"{place}.{unknown}" if place else unknown
    return f"The configuration key {full} is unknown; {advice}"
