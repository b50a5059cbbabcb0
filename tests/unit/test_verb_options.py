"""A dataclass as the list of a verb's options."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from groundsynth.cli import parser_of
from groundsynth.verb_options import takes_options


@dataclass(frozen=True, kw_only=True)
class Options:
    folder: Path
    count: int = 3


@dataclass(frozen=True, kw_only=True)
class MoreOptions(Options):
    name: str


received: list[Any] = []


@takes_options(Options)
def collect(options: Options) -> None:
    """Keep the options."""
    received.append(options)


@takes_options(MoreOptions)
def collect_more(options: MoreOptions) -> None:
    """Keep more options."""
    received.append(options)


def test_the_fields_are_the_command_line() -> None:
    words = parser_of("collect", collect).parse_args(["--folder", "a/b", "--count", "4"])
    collect(**vars(words))
    assert received.pop() == Options(folder=Path("a/b"), count=4)
    collect(folder=Path())
    assert received.pop().count == 3
    more = parser_of("collect-more", collect_more).parse_args(["--folder", "a", "--name", "b"])
    assert vars(more) == {"folder": Path("a"), "count": 3, "name": "b"}
    assert (collect.__name__, collect.__doc__) == ("collect", "Keep the options.")


def test_unknown_and_missing_options_are_errors(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser_of("collect", collect).parse_args(["--folder", "a", "--name", "b"])
    assert "unrecognized arguments: --name b" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parser_of("collect-more", collect_more).parse_args(["--folder", "a"])
    assert "required: --name" in capsys.readouterr().err
    with pytest.raises(TypeError, match="name"):
        collect(folder=Path(), name="b")
