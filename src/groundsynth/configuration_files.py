"""Reads configuration files and lays one over the other, as Snakemake does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from groundsynth.configuration_yaml import parse_yaml
from groundsynth.errors import ConfigurationError

FOLDER = Path(__file__).resolve().parents[2] / "config"
PAPER, SCHEMA = FOLDER / "config.yaml", FOLDER / "config.schema.yaml"


def overlaid(overlays: Iterable[Path], *, absolute: bool = False) -> dict[str, Any]:
    """config/config.yaml with the overlays laid over it, one after the other.

    ``absolute`` makes relative paths count from the folder of the file that they stand in.
    Nothing is checked but the form of the files: see ``check_configuration``.
    """
    merged: dict[str, Any] = {}
    for path in (PAPER, *overlays):
        content = read_configuration(path)
        if absolute:
            _root_paths(content, path.resolve().parent)
        _lay_over(merged, content)
    return merged


def _root_paths(content: Mapping[str, Any], folder: Path) -> None:
    """Put ``folder`` before the paths that a configuration names, in place."""
    source = content.get("source")
    source = source if isinstance(source, dict) else {}
    rasters = source.get("rasters")
    pairs = rasters.values() if isinstance(rasters, dict) else []
    captions = content.get("captions")
    others = captions.get("other_sets") if isinstance(captions, dict) else None
    sets = others.values() if isinstance(others, dict) else []
    for section in (source.get("area"), content.get("splits"), *pairs, *sets):
        if isinstance(section, dict):
            for key in ("file", "imagery", "labels"):
                if isinstance(section.get(key), str) and section[key]:
                    section[key] = str(folder / section[key])


def _lay_over(target: dict[str, Any], overlay: Mapping[str, Any]) -> None:
    for key, value in overlay.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _lay_over(target[key], value)
        else:
            target[key] = value


def read_configuration(path: Path) -> dict[str, Any]:
    """The keys of a JSON or YAML file; an error of the file's form names the line."""
    try:
        content = _parsed(path)
    except OSError as error:
        raise ConfigurationError(
            f"The configuration {path} cannot be read ({error.strerror}); name a YAML file."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"The configuration {path} is no text in UTF-8; save it as such."
        ) from None
    except yaml.YAMLError as error:
        raise ConfigurationError(
            f"The configuration {path} is no valid YAML: {_problem(error)}; correct it."
        ) from None
    except ValueError as error:  # a date, to YAML, that is none
        raise ConfigurationError(
            f"The configuration {path} holds a value that cannot be ({error}); correct it, or put "
            "quotes around a text that looks like a date."
        ) from None
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"The configuration {path} holds no keys; write it as 'key: value' lines, as in "
            "config/demo.yaml."
        )
    return content


def _parsed(path: Path) -> Any:
    """Content of a JSON or else YAML file: JSON may hold tabs, which YAML refuses."""
    text = path.read_text("utf-8")
    try:
        return json.loads(text, object_pairs_hook=_once_each)
    except json.JSONDecodeError:
        return parse_yaml(text, path)
    except _Repeated:  # which YAML's reader finds too, and names with its lines
        return parse_yaml(text.replace("\t", " "), path)


class _Repeated(Exception):
    """A key stands in its section of a JSON text twice."""


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise _Repeated
    return content


def _problem(error: yaml.YAMLError) -> str:
    """What is wrong and where, on one line."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    context = getattr(error, "context", None)
    problem = getattr(error, "problem", None) or "it cannot be understood"
    place = f"line {mark.line + 1}, column {mark.column + 1}"
    return f"{problem}{f' {context}' if context else ''} ({place})"
