"""What the pages for readers name is there: links, anchors, files, commands, keys, results."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from groundsynth.configuration_schema import Schema
from groundsynth.configuration_yaml import load_yaml
from groundsynth.verbs import VERBS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / name for name in ("README.md", "profiles/README.md", "benchmarks/README.md")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
SCHEMA: Schema = load_yaml(ROOT / "config" / "config.schema.yaml")
FOLDERS = ("benchmarks", "config", "docs", "envs", "profiles", "rules", "src", "tests")
FUNCTIONS = {"common.smk", "inputs.smk", "evaluated.smk", "parameters.smk"}
RULES = "".join(
    path.read_text("utf-8")
    for path in sorted((ROOT / "rules").glob("*.smk"))
    if path.name not in FUNCTIONS
)

page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def prose_of(page: Path) -> str:
    """The text outside fenced blocks."""
    return re.sub(r"(?ms)^```.*?^```$", "", page.read_text("utf-8"))


def quoted_in(page: Path) -> list[str]:
    """What stands in single backticks."""
    return re.findall(r"`([^`\n]+)`", prose_of(page))


def anchors_of(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", prose_of(page))
    return {re.sub(r"[^\w -]", "", text).strip().lower().replace(" ", "-") for text in headings}


@page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", prose_of(page)):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert there.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors_of(there), target


@page
def test_files_of_the_repository_exist(page: Path) -> None:
    place = rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./+-]*[\w/]"
    for word in re.findall(place, page.read_text("utf-8")):
        if not word.startswith("benchmarks/") or word.endswith((".py", ".md")):
            assert (ROOT / word).exists() or (page.parent / word).exists(), word


def commands_of(page: Path) -> list[str]:
    """Commands in backticks and in fenced blocks, without comments."""
    fenced = re.findall(r"(?ms)^```sh\n(.*?)^```$", page.read_text("utf-8"))
    lines = [line.partition(" #")[0] for block in fenced for line in block.splitlines()]
    return quoted_in(page) + [part for line in lines for part in line.split(" && ")]


@page
def test_commands_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"(?m)^([a-z-]+):", makefile))
    variables = set(re.findall(r"(?m)^([A-Z]+) ", makefile))
    for command in commands_of(page):
        program, *words = command.split()
        for word in words if program == "make" else []:
            name, value, _ = word.partition("=")
            assert word == "-s" or name in (variables if value else targets), command
        for verb in re.findall(r"python -m groundsynth ([a-z-]+)", command):
            assert verb in VERBS, command
        for profile in re.findall(r"--profile ([\w/-]+)", command):
            assert (ROOT / profile).is_dir() or (ROOT / "profiles" / profile).is_dir(), command


def test_the_readme_names_every_stage() -> None:
    stages = re.findall(r"(?m)^rule (\w+):", (ROOT / "rules" / "targets.smk").read_text("utf-8"))
    (row,) = [line for line in prose_of(PAGES[0]).splitlines() if "one stage" in line]
    assert sorted(re.findall(r"`(\w+)`", row)) == sorted(stages)


def has_key(node: Any, path: list[str]) -> bool:
    """Whether the schema has a key; * and <name> stand for any one."""
    if not path:
        return True
    while "$ref" in node:
        node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
    inner = node.get("properties", {})
    free = node.get("additionalProperties", False)
    first, *rest = path
    if first == "*":
        return any(has_key(child, rest) for child in inner.values())
    if first in inner:
        return has_key(inner[first], rest)
    return bool(free) and (free is True or has_key(free, rest))


@page
def test_keys_of_the_configuration_exist(page: Path) -> None:
    for word in quoted_in(page):
        key = word.partition(":")[0]
        if re.fullmatch(r"[a-z_]+(\.([a-z_0-9]+|\*|<name>))+", key):
            parts = key.split(".")
            if parts[0] in SCHEMA["properties"] and parts[1] not in ("md", "yaml", "csv"):
                assert has_key(SCHEMA, parts), word


@page
def test_results_come_from_a_rule(page: Path) -> None:
    made = re.findall(r'"((?:results|resources)/[^"]+)"', RULES)
    made += [f"{stem}.*" for stem in re.findall(r'multiext\("([^"]+)"', RULES)]
    made += re.findall(r"\b(work/[\w{}.:/]+)", RULES)
    paths = [re.sub(r"\{[^{}]*\}", "*", path).split("/") for path in made]
    for word in quoted_in(page):
        if word.startswith(("results/", "resources/", "work/")):
            asked = re.sub(r"\{[^{}]*\}", "*", word).rstrip("/").split("/")
            if asked[0] == "work":
                asked = asked[:2]  # what lies in a state folder is the verb's affair
            assert any(leads(asked, path) for path in paths), word


def leads(asked: list[str], path: list[str]) -> bool:
    """Whether a path of a rule is the asked one, or lies below it; * stands for any text."""
    if len(asked) > len(path):
        return False
    pairs = zip(asked, path, strict=False)
    return all(fnmatchcase(a, b) or fnmatchcase(b, a) for a, b in pairs)


def test_figures_of_the_papers_plan(plans: Callable[[str], Any]) -> None:
    (jobs,) = re.findall(r"# the plan: (\d+) jobs for the paper's run", PAGES[0].read_text("utf-8"))
    assert int(jobs) == sum(plans("paper").jobs.values())


@pytest.mark.parametrize(
    ("text", "found"),
    [("gan.*.gpus", True), ("gan.*.nothing", False), ("captions.models.<name>.options", True)],
)
def test_keys_are_looked_for_in_the_schema(text: str, found: bool) -> None:
    assert has_key(SCHEMA, text.split(".")) is found
