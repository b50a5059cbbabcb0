"""Provenance: what made a product, without what names a user or a machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from groundsynth import __version__
from groundsynth import provenance as module
from groundsynth.provenance import digest_of, digest_of_value, provenance


def test_the_record_says_what_made_the_product() -> None:
    record = provenance("cut-patches", {"size": 64}, [Path("resources/b.tif"), Path("a.tif")])
    assert record["verb"] == "cut-patches"
    assert record["version"] == __version__
    assert record["parameters"] == {"size": 64}
    assert record["inputs"] == ["a.tif", "resources/b.tif"]
    assert record["time"].endswith("+00:00")
    json.dumps(record)


def test_no_absolute_path_and_no_password_stays() -> None:
    parameters = {
        "model": Path("/home/someone/model.safetensors"),
        "base_url": "https://user:secret@mirror.example/tiles",
        "folder": "file:///home/someone/tiles",
        "nested": {"paths": [Path("/home/someone/a.npy"), "/home/someone/b.npy"]},
        "kept": ["a b", "and/or", "results/a.npy", 1, None],
    }
    record = provenance("fetch", parameters, [Path("/home/someone/c.tif")])
    text = json.dumps(record)
    assert "someone" not in text
    assert "secret" not in text
    assert record["inputs"] == ["c.tif"]
    assert record["parameters"]["base_url"] == "https://mirror.example/tiles"
    assert record["parameters"]["nested"] == {"paths": ["a.npy", "b.npy"]}
    assert record["parameters"]["kept"] == parameters["kept"]


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert digest_of(path).startswith("ba7816bf8f01cfea")  # FIPS 180-2, appendix B.1


def test_values_that_are_equal_have_one_digest() -> None:
    assert digest_of_value({"a": 1, "b": (2, 3)}) == digest_of_value({"b": [2, 3], "a": 1})
    assert digest_of_value({"a": 1}) != digest_of_value({"a": 1.5})
    assert digest_of_value(Path("a/b")) == digest_of_value("a/b")


def test_the_digest_of_a_set_is_the_same_in_every_process() -> None:
    code = "from groundsynth.provenance import digest_of_value as d; print(d(set('abcdefgh')))"
    digests = {
        subprocess.check_output(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}
        )
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1


def test_the_commit_of_a_surrounding_project_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "theirs"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    installed = tmp_path / "venv" / "lib" / "groundsynth" / "provenance.py"
    installed.parent.mkdir(parents=True)
    monkeypatch.setattr(module, "__file__", str(installed))
    assert module.commit.__wrapped__() is None


def test_the_commit_of_the_checkout_says_whether_it_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "src" / "groundsynth" / "provenance.py"
    source.parent.mkdir(parents=True)
    source.write_text("as committed")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "ours"]):
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    monkeypatch.setattr(module, "__file__", str(source))
    clean = module.commit.__wrapped__()
    assert clean is not None
    assert len(clean) == 12
    source.write_text("changed")
    assert module.commit.__wrapped__() == f"{clean}-dirty"
