"""Every verb finds what it imports in the environment of its rule, whatever else is installed.

Nothing is installed for it: the imports are read from the source, through all modules of the
package that a verb's module imports when it is loaded, and compared with the environment's pins.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from groundsynth.verbs import VERBS

from .test_rule_files import ROOT, RULES

PACKAGE = "groundsynth"
ALWAYS = ("groundsynth.__main__", "groundsynth.cli")
DISTRIBUTIONS = packages_distributions()


def pins(environment: str) -> set[str]:
    """Names of the packages that an environment names itself."""
    content = yaml.safe_load((ROOT / "envs" / f"{environment}.yaml").read_text("utf-8"))
    (listed,) = [part["pip"] for part in content["dependencies"] if isinstance(part, dict)]
    return {plain(line.partition("==")[0]) for line in listed}


def plain(name: str) -> str:
    """A package's name in the one spelling by which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def source_of(module: str) -> Path | None:
    """File of a module of the package; None if it is none (a function in one)."""
    place = ROOT.joinpath("src", *module.split("."))
    found = [p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file()]
    return found[0] if found else None


@cache
def imported(path: Path) -> frozenset[str]:
    """Dotted names that a module imports when it is loaded."""
    return frozenset(_imports(ast.parse(path.read_text("utf-8")).body))


def _imports(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "the package imports by full names"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _imports(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts = ("body", "orelse", "handlers", "finalbody")
            for part in parts:
                yield from _imports(getattr(node, part, []))


def third_party(verb: str) -> dict[str, str]:
    """Foreign packages that a verb imports when it is loaded, and a module that does so."""
    waiting = [*ALWAYS, VERBS[verb].partition(":")[0]]
    seen: set[str] = set()
    found: dict[str, str] = {}
    while waiting:
        module = waiting.pop()
        path = source_of(module)
        if module in seen:
            continue
        seen.add(module)
        if path is None:  # a name in a module, which is looked at as its parent
            continue
        for name in imported(path):
            root = name.partition(".")[0]
            if root == PACKAGE:
                parts = name.split(".")
                waiting += [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
            elif root not in sys.stdlib_module_names:
                found[root] = module
    return found


@pytest.mark.parametrize("rule", RULES)
def test_a_verb_imports_only_what_its_environment_names(rule: str) -> None:
    (environment,) = re.findall(r'"\.\./envs/(\w+)\.yaml"', RULES[rule])
    given = pins(environment)
    missing = {
        root: module
        for root, module in third_party(rule.replace("_", "-")).items()
        if not given.intersection(plain(name) for name in DISTRIBUTIONS.get(root, [root]))
    }
    assert not missing, f"envs/{environment}.yaml lacks what {rule} imports"


def test_the_walk_sees_what_is_imported_far_away() -> None:
    """Through modules of modules: else the test above could not fail."""
    assert third_party("train-stylegan").keys() >= {"torch", "numpy", "pyarrow"}
    assert third_party("caption-vllm").keys() >= {"numpy", "pyarrow"}
    assert "torch" not in third_party("caption-vllm")
