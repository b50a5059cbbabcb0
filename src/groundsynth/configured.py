"""Configured values whose ``repr`` names their key.

Snakemake remembers the values of a rule's parameters as a set of ``repr`` texts, without names.
With plain numbers a change of ``first_seed`` from 0 to 1 goes unnoticed where another parameter
is 0 and a third one is 1. Values that carry their key are never mistaken for each other.
"""

from __future__ import annotations

from typing import Any


class ConfiguredText(str):
    """A text that is written as usual and represented as ``key=text``."""

    key: str

    def __repr__(self) -> str:
        return f"{self.key}={str.__repr__(self)}"


class ConfiguredWhole(int):
    """A whole number that is written as usual and represented as ``key=number``."""

    key: str

    def __repr__(self) -> str:
        return f"{self.key}={self}"

    def __str__(self) -> str:
        return int.__repr__(self)


class ConfiguredReal(float):
    """A number that is written as usual and represented as ``key=number``."""

    key: str

    def __repr__(self) -> str:
        return f"{self.key}={self}"

    def __str__(self) -> str:
        return float.__repr__(self)


def with_keys(value: Any, key: str = "") -> Any:
    """``value`` with every text and number in it made to carry its key, such as ``run/seed``.

    Dictionaries and lists are copied; true, false and null stay as they are.
    """
    if isinstance(value, dict):
        return {
            name: with_keys(inner, f"{key}/{name}".lstrip("/")) for name, inner in value.items()
        }
    if isinstance(value, list):
        return [with_keys(inner, f"{key}/{place}") for place, inner in enumerate(value)]
    kinds = {str: ConfiguredText, int: ConfiguredWhole, float: ConfiguredReal}
    if type(value) not in kinds:
        return value
    configured = kinds[type(value)](value)
    configured.key = key
    return configured
