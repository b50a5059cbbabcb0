"""Answers of language models: what is taken off, what is kept, what status they get."""

from __future__ import annotations

import pytest

from groundsynth.captioning.checks import clean_answer, status_of

CLEAN = [
    ("A river bends.", "A river bends."),
    ("  A river\n\nbends.\t", "A river bends."),
    ('"A river bends."', "A river bends."),
    ("\u201cA river bends.\u201d", "A river bends."),
    ("'Fields' and 'woods'", "'Fields' and 'woods'"),
    ('"Fields" and "woods"', '"Fields" and "woods"'),
    ("Caption: A river bends.", "A river bends."),
    ("Sure! Here is a concise caption for the scene:\n\nA river bends.", "A river bends."),
    ("Here's the caption: **A river bends.**", "A river bends."),
    ("assistant\n: A river bends.", "A river bends."),
    ("<|im_start|>A river bends.<|im_end|>", "A river bends."),
    ("A river bends.<end_of_turn>\n<eos>", "A river bends."),
    ("<think>hm, \n water</think>\n\nA river bends.", "A river bends."),
    ("<think>hm, water and", ""),
    ("Here is a river: it bends.", "Here is a river: it bends."),
    ("This scene shows corn <b> & 40% grass.", "This scene shows corn <b> & 40% grass."),
    ("A model: small houses.", "A model: small houses."),
    ('""', ""),
    ("", ""),
]


@pytest.mark.parametrize(("raw", "expected"), CLEAN)
def test_cleaning(raw: str, expected: str) -> None:
    assert clean_answer(raw) == expected


def test_cleaning_twice_changes_nothing() -> None:
    for raw, _ in CLEAN:
        once = clean_answer(raw)
        assert clean_answer(once) == once


@pytest.mark.parametrize(
    ("caption", "reason", "expected"),
    [
        ("A river.", "stop", "ok"),
        ("A river", "length", "truncated"),
        ("", "stop", "empty"),
        (" ...", "length", "empty"),
        ("A river.", None, "ok"),
    ],
)
def test_status(caption: str, reason: str | None, expected: str) -> None:
    assert status_of(caption, reason) == expected
