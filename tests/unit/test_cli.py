"""The command line: a verb's signature is its options, and errors are one sentence."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from groundsynth import __version__, cli
from groundsynth.cli import main, parser_of
from groundsynth.errors import GroundsynthError, InputError
from groundsynth.run_state import Stopped
from groundsynth.verbs import ANSWERS, VERBS


def every_kind(
    *,
    text: str,
    number: int,
    share: float,
    flag: bool,
    path: Path,
    paths: list[Path],
    numbers: list[int],
    rates: list[float],
    method: Literal["fast", "exact"],
    bits: Literal[8, 16],
    section: dict[str, Any],
    anything: Any,
    maybe_path: Path | None,
    maybe_number: float | None,
    maybe_method: Literal["fast", "exact"] | None,
    maybe_paths: list[Path] | None = None,
    with_default: int = 3,
) -> None:
    """Take one parameter of each kind.

    The rest of the docstring.
    """


WORDS = {
    "text": ["a b"],
    "number": ["7"],
    "share": ["0.5"],
    "flag": ["true"],
    "path": ["a/b.npy"],
    "paths": ["a.npy", "b c.npy"],
    "numbers": ["1", "2"],
    "rates": ["0.1", "1e-3"],
    "method": ["fast"],
    "bits": ["16"],
    "section": ['{"a": [1, null]}'],
    "anything": ["[1, 2]"],
    "maybe-path": ["a.npy"],
    "maybe-number": ["1.5"],
    "maybe-method": ["exact"],
}


def parsed(**changes: list[str]) -> dict[str, Any]:
    """Values of every_kind's options, some of them changed."""
    words = {**WORDS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    line = [word for name, values in words.items() for word in (f"--{name}", *values)]
    return vars(parser_of("every-kind", every_kind).parse_args(line))


def refused(capsys: pytest.CaptureFixture[str], **changes: list[str]) -> str:
    """What a wrong command line is answered with: one line, exit code 2."""
    with pytest.raises(SystemExit) as stopped:
        parsed(**changes)
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert len(message.splitlines()) == 1
    return message


def test_words_become_values() -> None:
    assert parsed() == {
        "text": "a b",
        "number": 7,
        "share": 0.5,
        "flag": True,
        "path": Path("a/b.npy"),
        "paths": [Path("a.npy"), Path("b c.npy")],
        "numbers": [1, 2],
        "rates": [0.1, 1e-3],
        "method": "fast",
        "bits": 16,
        "section": {"a": [1, None]},
        "anything": [1, 2],
        "maybe_path": Path("a.npy"),
        "maybe_number": 1.5,
        "maybe_method": "exact",
        "maybe_paths": None,
        "with_default": 3,
    }


@pytest.mark.parametrize("words", [[], [""], ["None"], ["null"]])
def test_an_optional_value_may_be_absent(words: list[str]) -> None:
    """Snakemake writes None for an absent parameter and nothing for an empty input."""
    values = parsed(maybe_path=words, maybe_number=words, maybe_method=words)
    assert [values[f"maybe_{kind}"] for kind in ("path", "number", "method")] == [None] * 3


def test_lists_may_be_empty() -> None:
    values = parsed(paths=[], numbers=[], maybe_paths=[])
    assert (values["paths"], values["numbers"], values["maybe_paths"]) == ([], [], [])


def test_optional_lists_are_read_as_lists() -> None:
    assert parsed(maybe_paths=["a", "b"])["maybe_paths"] == [Path("a"), Path("b")]


@pytest.mark.parametrize("word", ["-1", "-0.5", "-.5", "-3.4e+38", "-1e-05", "-inf"])
def test_negative_numbers_are_values(word: str) -> None:
    """As rasters have them for pixels without data."""
    values = parsed(share=[word], maybe_number=[word], rates=[word, "3"])
    assert (values["share"], values["maybe_number"]) == (float(word), float(word))
    assert values["rates"] == [float(word), 3]


@pytest.mark.parametrize("word", ["True", "TRUE", "true", "False", "false"])
def test_booleans_are_read_in_both_spellings(word: str) -> None:
    assert parsed(flag=[word])["flag"] is (word.lower() == "true")


@pytest.mark.parametrize(
    ("option", "word", "named"),
    [
        ("flag", "1", "'1' is neither true nor false"),
        ("number", "1.5", "invalid int value: '1.5'"),
        ("maybe-number", "much", "invalid float value: 'much'"),
        ("method", "slow", "'slow' is none of fast, exact"),
        ("maybe-method", "slow", "'slow' is none of fast, exact"),
        ("bits", "12", "'12' is none of 8, 16"),
        ("section", "{", "not JSON"),
        ("section", "[1]", "not a JSON object"),
        ("numbers", "one", "invalid int value: 'one'"),
    ],
)
def test_a_wrong_value_is_named(
    capsys: pytest.CaptureFixture[str], option: str, word: str, named: str
) -> None:
    message = refused(capsys, **{option: [word]})
    assert f"argument --{option}: {named}" in message
    assert "--help" in message


def test_missing_surplus_and_shortened_options_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = parser_of("every-kind", every_kind)
    for line, named in (
        ([], "required: --text, --number"),
        (["--tex", "a"], "required: --text"),  # no abbreviation: a later option could change it
    ):
        with pytest.raises(SystemExit):
            parser.parse_args(line)
        assert named in capsys.readouterr().err
    assert "unrecognized arguments: --surplus 1" in refused(capsys, surplus=["1"])


def test_types_without_a_form_are_a_defect() -> None:
    def verb(*, values: set[int]) -> None:
        pass

    with pytest.raises(TypeError, match="no command-line form"):
        parser_of("verb", verb)


def test_help_shows_the_docstring_and_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        parser_of("every-kind", every_kind).parse_args(["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    for part in ("Take one parameter", "The rest", "--maybe-path", "fast|exact", "true|false"):
        assert part in text


# Running


def run(monkeypatch: pytest.MonkeyPatch, verb: Callable[..., None], *words: str) -> int:
    monkeypatch.setattr(cli, "load_verb", lambda _: verb)
    monkeypatch.setitem(VERBS, "a-verb", "nowhere:verb")
    return main(["a-verb", *words])


def test_success_ends_with_the_timing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def verb(*, name: str) -> None:
        print(name)

    assert run(monkeypatch, verb, "--name", "ağaç") == 0
    captured = capsys.readouterr()
    assert captured.out == "ağaç\n"
    last = captured.err.splitlines()[-1]
    assert last.startswith("timing: ")
    record = json.loads(last.removeprefix("timing: "))
    assert record.keys() == {"verb", "import_seconds", "work_seconds", "peak_mb", "device"}
    assert record["device"] == "CPU"
    assert record["verb"] == "a-verb"
    assert record["peak_mb"] > 1


@pytest.mark.parametrize("verb", ANSWERS)
def test_an_answer_to_a_person_has_no_timing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    def answer() -> None:
        """Say nothing."""

    monkeypatch.setattr(cli, "load_verb", lambda _: answer)
    assert verb in VERBS
    assert main([verb]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("a.npy is missing; run the stage that writes it."), 1),
        (Stopped("The time slot is spent at step 3.", 75), 75),
    ],
)
def test_a_users_error_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: GroundsynthError,
    code: int,
) -> None:
    def verb() -> None:
        raise error

    assert run(monkeypatch, verb) == code
    assert capsys.readouterr().err == f"a-verb: {error}\n"


def test_ctrl_c_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def verb() -> None:
        raise KeyboardInterrupt

    assert run(monkeypatch, verb) == 130
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def verb() -> None:
        raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError, match="a defect"):
        run(monkeypatch, verb)


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "groundsynth", *words], capture_output=True, text=True, check=False
    )


def test_an_unknown_verb_is_named() -> None:
    done = python("cut-patch")
    assert done.returncode == 2
    assert done.stderr == "There is no verb 'cut-patch'; 'python -m groundsynth' lists them.\n"


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_the_overview_lists_the_verbs(words: list[str]) -> None:
    done = python(*words)
    assert done.returncode == 0
    assert all(f"  {verb} " in done.stdout for verb in VERBS)


def test_the_version_is_told() -> None:
    assert python("--version").stdout == f"groundsynth {__version__}\n"


def test_a_verb_that_fails_says_so_to_the_shell(tmp_path: Path) -> None:
    output = tmp_path / "redundancy.json"
    done = python(
        *("score-redundancy", "--captions", str(tmp_path / "missing.parquet")),
        *("--column", "caption", "--output", str(output)),
    )
    assert done.returncode == 1
    assert done.stderr.startswith("score-redundancy: ")
    assert "missing.parquet" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not output.exists()
