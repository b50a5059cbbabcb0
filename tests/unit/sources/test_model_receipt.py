"""The receipt of a captioning model, and what tables say of it."""

from pathlib import Path

import pytest

from groundsynth.errors import InputError
from groundsynth.files import write_json
from groundsynth.sources.model_receipt import fetched_commit, models_sentence


def receipt(path: Path, **record: str) -> Path:
    write_json(path, record)
    return path


def test_the_commit_is_named_beside_what_was_asked_for(tmp_path: Path) -> None:
    branch = receipt(tmp_path / "a.json", repository="x/a", revision="main", commit="01ab")
    pinned = receipt(tmp_path / "b.json", repository="x/b", revision="23cd", commit="23cd")
    assert fetched_commit(branch) == "01ab"
    assert models_sentence([branch, pinned]) == (
        "Models as fetched: x/a at commit 01ab (main); x/b at commit 23cd."
    )
    assert models_sentence([]) == ""


def test_a_receipt_without_commit_is_refused(tmp_path: Path) -> None:
    path = receipt(tmp_path / "a.json", repository="x/a", revision="main")
    with pytest.raises(InputError, match=r"a\.json names no commit; delete it"):
        fetched_commit(path)
