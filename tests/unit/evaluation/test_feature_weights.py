"""Weights of feature networks: fetched whole, of the expected digest, or already in place."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from groundsynth.errors import ConfigurationError, FetchError, InputError
from groundsynth.evaluation.feature_weights import (
    expected_digest,
    fetch_feature_weights,
    require_digest,
)
from groundsynth.sources import download as download_module

CONTENT = bytes(range(256)) * 2000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NAME = f"net-2015-{DIGEST[:8]}.pth"
SERVER = Path(__file__).parents[1] / "sources" / "tile_server.py"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of one file; the first part of a path chooses its fault."""
    folder = tmp_path_factory.mktemp("server")
    (folder / NAME).write_bytes(CONTENT)
    words = [sys.executable, str(SERVER), str(folder)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.kill()
    process.communicate()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(download_module, "CHUNK", 1 << 16)


@pytest.mark.parametrize("sha256", [DIGEST, DIGEST[:12], None])
def test_weights_arrive_whole(address: str, tmp_path: Path, sha256: str | None) -> None:
    output = tmp_path / "models" / "inception.pth"
    fetch_feature_weights(url=f"{address}/plain/{NAME}", sha256=sha256, output=output)
    assert output.read_bytes() == CONTENT
    assert [p.name for p in output.parent.iterdir()] == [output.name]


def test_a_cut_connection_is_continued(address: str, tmp_path: Path) -> None:
    output = tmp_path / "inception.pth"
    fetch_feature_weights(url=f"{address}/broken/{NAME}", sha256=DIGEST, output=output)
    assert output.read_bytes() == CONTENT
    log = requests.get(f"{address}/log", timeout=10).json()
    first, second = [entry["from"] for entry in log if entry["path"].startswith("/broken/")]
    assert first == 0
    assert 0 < second <= len(CONTENT) // 2  # what had arrived was not asked for again


@pytest.mark.parametrize("sha256", ["f" * 64, "f" * 8])
def test_another_digest_leaves_nothing(address: str, tmp_path: Path, sha256: str) -> None:
    output = tmp_path / "inception.pth"
    with pytest.raises(FetchError, match=f"SHA-256 {DIGEST}, not {sha256}"):
        fetch_feature_weights(url=f"{address}/plain/{NAME}", sha256=sha256, output=output)
    assert not list(tmp_path.iterdir())


def test_the_digest_in_the_name_is_checked(address: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=f"not {DIGEST[:8]} "):  # a login page under the name
        fetch_feature_weights(
            url=f"{address}/login/{NAME}", sha256=None, output=tmp_path / "inception.pth"
        )
    assert not list(tmp_path.iterdir())
    assert expected_digest("https://a.b/net-6726825d.pth?token=1", None) == "6726825d"
    assert expected_digest("https://a.b/net-6726825d.pth", "aa" * 32) == "aa" * 32
    assert expected_digest("https://a.b/resolve/main/model.safetensors", None) == ""


def test_a_missing_or_forbidden_file_is_named(address: str, tmp_path: Path) -> None:
    output = tmp_path / "dinov2.safetensors"
    with pytest.raises(FetchError, match=r"no file at http.*other\.pth; correct the address"):
        fetch_feature_weights(url=f"{address}/plain/other.pth", sha256=None, output=output)
    with pytest.raises(FetchError, match="403"):
        fetch_feature_weights(url=f"{address}/forbidden/{NAME}", sha256=None, output=output)
    with pytest.raises(ConfigurationError, match="neither an http"):
        fetch_feature_weights(url="ftp://a.b/c.pth", sha256=None, output=output)
    assert not output.exists()


def test_a_file_in_place_is_verified_and_used(tmp_path: Path) -> None:
    output = tmp_path / "inception.pth"
    output.write_bytes(CONTENT)
    before = output.stat().st_mtime_ns
    nowhere = "http://127.0.0.1:9/net.pth"
    fetch_feature_weights(url=nowhere, sha256=DIGEST, output=output)
    assert output.stat().st_mtime_ns == before
    with pytest.raises(InputError, match=f"has the SHA-256 {DIGEST}, not {'0' * 64}"):
        fetch_feature_weights(url=nowhere, sha256="0" * 64, output=output)
    assert output.read_bytes() == CONTENT  # somebody put it there: not ours to delete


def test_a_path_is_linked_after_its_digest_was_checked(tmp_path: Path) -> None:
    source, output = tmp_path / "copy.pth", tmp_path / "models" / "inception.pth"
    source.write_bytes(CONTENT)
    with pytest.raises(InputError, match="has the SHA-256"):
        fetch_feature_weights(url=str(source), sha256="0" * 64, output=output)
    assert not output.exists()
    fetch_feature_weights(url=f"file://{source}", sha256=DIGEST, output=output)
    assert output.is_symlink()
    assert require_digest(output, DIGEST) == DIGEST
    with pytest.raises(InputError, match=r"gone\.pth is missing"):
        fetch_feature_weights(
            url=str(tmp_path / "gone.pth"), sha256=None, output=tmp_path / "other.pth"
        )
