"""Model weights: what is fetched, and what the hub's refusals turn into."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from groundsynth.errors import FetchError
from groundsynth.sources import models

REPOSITORY = "maker/model"


class Hub:
    """Stands in for the hub: records the request, writes the files, or fails."""

    def __init__(self, files: dict[str, bytes], error: Exception | None = None) -> None:
        self.files, self.error = files, error
        self.asked: dict[str, Any] = {}

    def model_info(self, repository: str, revision: str) -> SimpleNamespace:
        if self.error is not None:
            raise self.error
        return SimpleNamespace(sha="0123abcd")

    def snapshot(self, repository: str, **options: Any) -> None:
        self.asked = {"repository": repository, **options}
        for name, content in self.files.items():
            path = options["local_dir"] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def use(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr(models, "HfApi", lambda: hub)
    monkeypatch.setattr(models, "snapshot_download", hub.snapshot)
    return hub


def fetch(folder: Path, revision: str = "main") -> None:
    models.fetch_model(
        repository=REPOSITORY,
        revision=revision,
        output=folder / "model",
        receipt=folder / "model.json",
    )


def test_weights_arrive_in_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"a.safetensors": b"12345", "config.json": b"{}", ".cache/huggingface/x": b"x"}
    hub = use(Hub(files), monkeypatch)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old.json").touch()
    fetch(tmp_path)
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == [
        "a.safetensors",
        "config.json",
    ]
    assert json.loads((tmp_path / "model.json").read_text()) == {
        "repository": REPOSITORY,
        "revision": "main",
        "commit": "0123abcd",
        "files": 2,
        "bytes": 7,
    }
    assert hub.asked["revision"] == "0123abcd"
    assert not any(pattern.endswith((".bin", ".py")) for pattern in hub.asked["allow_patterns"])
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("revision", ["main", "v1.0", "0123abcd"])
def test_a_revision_that_pins_nothing_is_said_with_what_pins_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    revision: str,
) -> None:
    use(Hub({"a.safetensors": b""}), monkeypatch)
    fetch(tmp_path, revision)
    said = capsys.readouterr().err
    if revision == "0123abcd":  # the commit itself
        assert not said
        return
    (line,) = said.splitlines()
    assert line.startswith(f"The revision {revision} of {REPOSITORY} may change")
    entry = yaml.safe_load(line.partition("configure '")[2].removesuffix("'."))
    assert entry == {"captions": {"models": {"model": {"revision": "0123abcd"}}}}


def test_a_model_without_safetensors_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(Hub({"config.json": b"{}"}), monkeypatch)
    with pytest.raises(FetchError, match=r"maker/model has no weights in safetensors form"):
        fetch(tmp_path)
    assert not (tmp_path / "model").exists()


def refusal(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    error.args = ("the hub says no",)
    return error


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (GatedRepoError, r"maker/model is gated: accept its licence at https://.*HF_TOKEN"),
        (RevisionNotFoundError, r"maker/model has no revision 'main'"),
        (RepositoryNotFoundError, r"no model maker/model.*check the name"),
        (HFValidationError, r"no model maker/model.*check the name"),
        (OfflineModeIsEnabled, r"HF_HUB_OFFLINE is set"),
        (ConnectionError, r"could not be downloaded \(the hub says no\); run again"),
    ],
)
def test_refusals_become_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception], sentence: str
) -> None:
    use(Hub({}, refusal(kind)), monkeypatch)
    with pytest.raises(FetchError, match=sentence):
        fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []
