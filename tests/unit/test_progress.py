"""Progress: plain lines in a log, a bar on a terminal."""

import re

import pytest

from groundsynth import progress as module
from groundsynth.progress import Progress


def test_a_log_gets_lines_now_and_then_and_one_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    with Progress("train", total=100, unit="img", done=10) as progress:
        for _ in range(3):
            now += 15
            progress.advance(15, loss=0.123456)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "train: goes on at 10 of 100 img",
        "train: 40 of 100 img, 1.00 img/s, 60 s left, loss 0.1235",
        "train: 55 of 100 img, 1.00 img/s, 45 s left, loss 0.1235",
    ]


def test_the_last_line_stands_after_an_error_too(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with Progress("cut", total=9, unit="patch") as progress:
            progress.advance(4)
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fail()
    assert re.match(r"cut: 4 of 9 patch, ", capsys.readouterr().err)


def test_more_than_expected_leaves_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("cut", total=2, unit="patch") as progress:
        progress.advance(5)
    assert ", 0 s left" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0, "0 s"), (119.4, "119 s"), (120, "2 min"), (3569, "59 min"), (3571, "1 h 00 min")),
        *((3 * 3600 + 1201, "3 h 20 min"), (50 * 3600, "50 h 00 min")),
    ],
)
def test_spans_of_time(seconds: float, words: str) -> None:
    assert module.span(seconds) == words


def test_nothing_to_do_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("cut", total=0, unit="patch"):
        pass
    assert capsys.readouterr().err.startswith("cut: 0 of 0 patch")


def test_a_terminal_gets_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True)
    with Progress("train", total=4, unit="img", done=1) as progress:
        progress.advance(3, loss=0.5)
    text = capsys.readouterr().err
    assert "100%" in text
    assert "loss=0.5" in text
    assert " of 4 img" not in text
