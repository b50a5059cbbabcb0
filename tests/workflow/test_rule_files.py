"""House rules of the rule files: what each rule declares, and how it calls its verb."""

import re
from pathlib import Path

import pytest
import yaml

from groundsynth.verbs import VERBS

ROOT = Path(__file__).resolve().parents[2]
SHARED = {"common.smk", "inputs.smk", "evaluated.smk", "parameters.smk"}
FILES = [path for path in sorted((ROOT / "rules").glob("*.smk")) if path.name not in SHARED]
WITHOUT_COMMAND = {"targets.smk"}
DIRECTIVES = ("output", "log", "benchmark", "conda", "threads", "resources", "params", "message")


def rules_of(path: Path) -> dict[str, str]:
    """Text of each rule of a rule file, by name."""
    parts = re.split(r"(?m)^rule (\w+):\n", path.read_text("utf-8"))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


RULES = {
    name: text
    for path in FILES
    if path.name not in WITHOUT_COMMAND
    for name, text in rules_of(path).items()
}


def command_of(text: str) -> str:
    """The shell command of a rule, its strings joined."""
    return "".join(re.findall(r'(?m)^        "(.*)"$', text.partition("    shell:\n")[2]))


def test_rules_are_found() -> None:
    assert len(RULES) >= 26


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_rule_file_is_short_and_holds_rules_only(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 200
    assert len(rules_of(path)) <= 10
    assert not re.search(r"(?m)^\s*(def|class|run:|script:|notebook:|wrapper:)\b|lambda", text)
    assert not re.search(r"account|partition|qos|retries", text)
    assert not re.search(r"config\[", text)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_declares_everything(name: str) -> None:
    directives = set(re.findall(r"(?m)^    (\w+):", RULES[name]))
    assert directives >= set(DIRECTIVES)
    assert "input" in directives or name.startswith(("fetch_", "simulate_"))
    for resource in ("mem_mb=", "runtime="):
        assert resource in RULES[name]
    assert re.search(r"(?m)^        revision=\d+,$", RULES[name])


@pytest.mark.parametrize("name", RULES)
def test_a_rule_calls_the_verb_of_its_name(name: str) -> None:
    verb = name.replace("_", "-")
    assert verb in VERBS
    offline = "HF_HUB_OFFLINE=0 " if name.startswith("fetch_") else ""
    launcher = r"(\{params.launcher:q\} )?"  # of a training in several processes
    call = rf"({offline})?python {launcher}-m groundsynth {verb} --"
    assert re.match(call, command_of(RULES[name]))
    assert command_of(RULES[name]).endswith("> {log:q} 2>&1")


@pytest.mark.parametrize("name", RULES)
def test_every_value_reaches_the_shell_quoted(name: str) -> None:
    fields = re.findall(r"\{([^{}]*)\}", command_of(RULES[name]))
    unquoted = [field for field in fields if not field.endswith(":q")]
    assert set(unquoted) <= {"resources.runtime", "threads"}  # numbers


@pytest.mark.parametrize("name", RULES)
def test_logs_and_benchmarks_lie_under_the_name_of_the_rule(name: str) -> None:
    for directive, ending in (("log", "log"), ("benchmark", "tsv")):
        (path,) = re.findall(rf'(?m)^    {directive}:\n        "([^"]+)",?$', RULES[name])
        assert re.fullmatch(rf"{directive}s/{name}(/.+)?\.{ending}", path)


def test_environments_exist() -> None:
    named = set(re.findall(r'"\.\./envs/(\w+)\.yaml"', "".join(RULES.values())))
    assert named == {path.stem for path in (ROOT / "envs").glob("*.yaml")}


@pytest.mark.parametrize("name", ["demo", "test"])
def test_small_profiles_give_one_thread_to_every_rule(name: str) -> None:
    profile = yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text("utf-8"))
    wide = {rule for rule in RULES if "threads: 1\n" not in RULES[rule]}
    assert profile["set-threads"] == dict.fromkeys(profile["set-threads"], 1)
    assert set(profile["set-threads"]) == wide
