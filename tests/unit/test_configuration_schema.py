"""The schema: closed, every key described, and every key in config.yaml."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from groundsynth.configuration_reference import NAME, keys
from groundsynth.configuration_schema import Schema, allowed, node_at, resolved
from groundsynth.configuration_yaml import load_yaml

FOLDER = Path(__file__).parents[2] / "config"
SCHEMA: Schema = load_yaml(FOLDER / "config.schema.yaml")
PAPER: dict[str, Any] = load_yaml(FOLDER / "config.yaml")
KEYS = dict(keys(SCHEMA, SCHEMA))


def nodes(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every mapping in the schema, with its place."""
    if isinstance(node, dict):
        yield place, node
        for name, part in node.items():
            yield from nodes(part, f"{place}/{name}")
    elif isinstance(node, list):
        for number, part in enumerate(node):
            yield from nodes(part, f"{place}/{number}")


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_no_keyword_is_a_slip_of_yaml() -> None:
    """An unquoted comma in a description would end it and make the rest a key without a value."""
    slips = [p for p, node in nodes(SCHEMA) for value in node.values() if value is None]
    assert slips == []


def test_every_section_is_closed() -> None:
    open_sections = [
        place
        for place, node in nodes(SCHEMA)
        if node.get("type") == "object" and "additionalProperties" not in node
    ]
    assert open_sections == []


def test_every_key_of_a_section_is_required_but_those_of_one_engine() -> None:
    optional = {
        f"{place}/{key}"
        for place, node in nodes(SCHEMA)
        if isinstance(node.get("properties"), dict) and node.get("type") == "object"
        for key in set(node["properties"]) - set(node.get("required", ()))
    }
    engines = {"model", "options", "temperature", "top_p", "base_url", "served_model", "needs_key"}
    assert {place.rpartition("/")[2] for place in optional} == {*engines, "selection"}
    assert "/segmentation/mix_definitions/selection" not in optional  # of each mix, not of all


def test_names_that_users_choose_are_checked() -> None:
    for place, node in nodes(SCHEMA):
        if isinstance(node.get("additionalProperties"), dict):
            assert node["propertyNames"]["$ref"] in ("#/$defs/name", "#/$defs/class_name"), place


def test_patterns_keep_out_line_ends() -> None:
    patterns = [(place, node["pattern"]) for place, node in nodes(SCHEMA) if "pattern" in node]
    assert len(patterns) > 5
    for place, pattern in patterns:
        assert pattern.endswith(r"$(?!\n)"), place


@pytest.mark.parametrize("place", KEYS)
def test_every_key_is_described(place: str) -> None:
    description = KEYS[place].get("description", "")
    assert description.endswith("."), place
    assert allowed(SCHEMA, KEYS[place])


@pytest.mark.parametrize("place", [p for p in KEYS if NAME not in p and "[]" not in p])
def test_every_key_stands_in_the_papers_configuration(place: str) -> None:
    node: Any = PAPER
    for part in place.split("."):
        assert part in node, place
        node = node[part]


def test_a_node_is_found_by_its_place() -> None:
    assert node_at(SCHEMA, ["run", "seed"])["description"].startswith("Seed of every")
    assert node_at(SCHEMA, ["legend", "classes", 0, "codes", 3])["maximum"] == 255
    mix = node_at(SCHEMA, ["segmentation", "mix_definitions", "real+x", "conditional"])
    assert (mix["type"], mix["minimum"]) == (["integer", "string"], 0)


def test_what_a_node_says_itself_wins() -> None:
    node = resolved(SCHEMA, {"$ref": "#/$defs/name", "description": "Its own."})
    assert (node["description"], node["type"]) == ("Its own.", "string")


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"type": "integer"}, "a whole number"),
        ({"type": "number", "maximum": 1}, "a number to 1"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "a number above 0 to 1"),
        ({"type": ["number", "null"], "minimum": 0}, "a number from 0 or null"),
        ({"enum": ["a", None, 2, True]}, "one of a, null, 2, true"),
        ({"enum": ["unet"]}, "unet"),
        ({"type": "array", "items": {"type": "string"}}, "a list, each text"),
        ({"type": "array", "minItems": 1, "items": {"type": "boolean"}}, "a list of at least 1,"),
        ({"$ref": "#/$defs/name"}, "a name (letters"),
    ],
)
def test_allowed_values_are_said_in_words(node: Schema, words: str) -> None:
    assert allowed(SCHEMA, resolved(SCHEMA, node)).startswith(words)
