"""The command lines that the rules build are those that the verbs read."""

import shlex
from collections.abc import Callable
from typing import Any

import pytest

from groundsynth.cli import load_verb, parser_of


def words_of(command: str) -> list[str]:
    """Verb and options of a job's shell command."""
    words = shlex.split(command)
    return words[words.index("groundsynth") + 1 : words.index(">")]


@pytest.mark.parametrize("name", ["paper", "published_split", "demo", "micro"])
def test_every_verb_reads_its_command_line(
    plans: Callable[[str], Any], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = []
    read = set()
    for command in plans(name).commands:
        verb, *options = words_of(command)
        if verb in read and name in ("paper", "published_split"):
            continue  # hundreds of jobs that differ in the names of their files
        read.add(verb)
        try:
            parser_of(verb, load_verb(verb)).parse_args(options)
        except SystemExit:
            refused.append(capsys.readouterr().err.splitlines()[-1])
    assert not refused
    assert read == {rule.replace("_", "-") for rule in plans(name).jobs} - {"all"}
