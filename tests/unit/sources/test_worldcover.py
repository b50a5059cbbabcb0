"""Downloads: absent tiles, faults that pass, resumption, and nothing half-written."""

import base64
import fcntl
import hashlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from groundsynth import progress as progress_module
from groundsynth.errors import ConfigurationError, FetchError, InputError
from groundsynth.sources import download as download_module
from groundsynth.sources.checksum import announced
from groundsynth.sources.worldcover import fetch_imagery, fetch_labels, imagery_key, label_key

from ..conftest import until

TIFF = b"II*\0" + bytes(range(256)) * 2000
TILE = "N36E030"
LARGE_TILE, LARGE = "N36E031", TIFF * 10
"""Of several pieces as they are read from the network."""


class Server:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        script = Path(__file__).with_name("tile_server.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.address = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def requests_of(self, behaviour: str) -> list[dict[str, Any]]:
        log = requests.get(f"{self.address}/log", timeout=10).json()
        return [entry for entry in log if entry["path"].startswith(f"/{behaviour}/")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("bucket")
    contents = {imagery_key(TILE, 2021): TIFF, label_key(TILE, 2021): TIFF}
    contents[imagery_key(LARGE_TILE, 2021)] = LARGE
    for key, content in contents.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(content)
    running = Server(folder)
    yield running
    running.process.kill()
    running.process.communicate()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(download_module, "CHUNK", 1 << 16)


def fetch(base_url: str, folder: Path, tile: str = TILE) -> tuple[Path, dict[str, object]]:
    output, receipt = folder / "out" / f"{tile}.tif", folder / "out" / f"{tile}.json"
    fetch_imagery(tile=tile, base_url=base_url, year=2021, output=output, receipt=receipt)
    return output, json.loads(receipt.read_text())


def test_keys_are_those_of_the_buckets() -> None:
    assert imagery_key("N36E030", 2021) == (
        "rgbnir/2021/N36/ESA_WorldCover_10m_2021_v200_N36E030_S2RGBNIR.tif"
    )
    assert label_key("S03W078", 2021) == (
        "v200/2021/map/ESA_WorldCover_10m_2021_v200_S03W078_Map.tif"
    )
    assert "v100/2020" in label_key("N36E030", 2020)
    with pytest.raises(ConfigurationError, match=r"2019.*2020 and 2021"):
        imagery_key("N36E030", 2019)
    with pytest.raises(ConfigurationError, match=r"N37E031 is no label tile.*N36E030"):
        label_key("N37E031", 2021)


def test_a_tile_arrives_whole_with_its_receipt(server: Server, tmp_path: Path) -> None:
    output, receipt = fetch(f"{server.address}/plain", tmp_path)
    assert output.read_bytes() == TIFF
    assert receipt == {
        "tile": TILE,
        "present": True,
        "bytes": len(TIFF),
        "sha256": hashlib.sha256(TIFF).hexdigest(),
        "origin": f"{server.address}/plain/{imagery_key(TILE, 2021)}",
    }
    assert sorted(p.name for p in output.parent.iterdir()) == [f"{TILE}.json", f"{TILE}.tif"]


def test_labels_come_from_their_own_key(server: Server, tmp_path: Path) -> None:
    output = tmp_path / "map.tif"
    fetch_labels(
        tile=TILE,
        base_url=f"{server.address}/plain/",
        year=2021,
        output=output,
        receipt=tmp_path / "map.json",
    )
    assert output.read_bytes() == TIFF


def test_a_tile_that_does_not_exist_is_recorded_as_absent(server: Server, tmp_path: Path) -> None:
    output, receipt = fetch(f"{server.address}/plain", tmp_path, "N00W030")
    assert output.stat().st_size == 0
    assert (receipt["present"], receipt["bytes"], receipt["sha256"]) == (False, 0, None)


def test_server_errors_that_pass_are_waited_out(server: Server, tmp_path: Path) -> None:
    output, _ = fetch(f"{server.address}/busy", tmp_path)
    assert output.read_bytes() == TIFF
    assert len(server.requests_of("busy")) == 3


@pytest.mark.parametrize(("behaviour", "asked"), [("later-seconds", 0.95), ("later-date", 0.95)])
def test_a_server_that_asks_for_time_gets_it(
    server: Server, tmp_path: Path, behaviour: str, asked: float
) -> None:
    output, _ = fetch(f"{server.address}/{behaviour}", tmp_path)
    assert output.read_bytes() == TIFF
    first, second = (entry["time"] for entry in server.requests_of(behaviour))
    assert second - first > asked


def test_no_server_is_waited_for_without_end() -> None:
    asked = download_module._asked_wait
    assert asked("") == asked("soon") == asked("-3") == 0
    assert asked("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert asked("Wed, 21 Oct 2999 07:28:00 -0000") > download_module.LONGEST_ASKED


@pytest.mark.parametrize(("behaviour", "begin"), [("slow", 0), ("stalled", len(TIFF) // 4)])
def test_slow_answers_are_given_up_and_asked_for_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, begin: int
) -> None:
    monkeypatch.setattr(download_module, "TIMEOUT", (3.0, 3.0))
    output, _ = fetch(f"{server.address}/{behaviour}", tmp_path)
    assert output.read_bytes() == TIFF
    first, second = server.requests_of(behaviour)
    assert second["time"] - first["time"] < 7.5, "less than the 8 s that the answer takes"
    assert int(second["from"]) >= begin


def test_a_broken_transfer_continues_where_it_stopped(server: Server, tmp_path: Path) -> None:
    output, _ = fetch(f"{server.address}/broken", tmp_path)
    assert output.read_bytes() == TIFF
    first, second = (int(entry["from"]) for entry in server.requests_of("broken"))
    assert first == 0
    assert second > len(TIFF) // 4


def test_another_process_continues_too(server: Server, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    partial = tmp_path / "out" / f".{TILE}.tif.partial"
    partial.write_bytes(TIFF[:1000])
    version = {"etag": '"first"', "bytes": len(TIFF)}
    partial.with_name(f"{partial.name}.json").write_text(json.dumps(version))
    output, _ = fetch(f"{server.address}/later", tmp_path)
    assert output.read_bytes() == TIFF
    assert server.requests_of("later")[0]["from"] == 1000


def test_a_second_download_of_the_same_file_waits(server: Server, tmp_path: Path) -> None:
    url = f"{server.address}/plain/{imagery_key(TILE, 2021)}"
    partial = tmp_path / ".file.tif.partial"
    partial.write_bytes(b"of the first")
    with partial.with_suffix(".lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = threading.Thread(
            target=download_module.download, args=(url, tmp_path / "file.tif"), daemon=True
        )
        second.start()
        second.join(0.5)
        assert second.is_alive()
        assert partial.read_bytes() == b"of the first"
        partial.with_suffix(".lock").unlink()  # the first has finished
    second.join(20)
    assert (tmp_path / "file.tif").read_bytes() == TIFF
    assert [path.name for path in tmp_path.iterdir()] == ["file.tif"]


def test_a_file_replaced_meanwhile_is_not_mixed(server: Server, tmp_path: Path) -> None:
    url = f"{server.address}/replaced/{imagery_key(TILE, 2021)}"
    assert download_module.download(url, tmp_path / "file.tif")
    second = TIFF[::-1][: len(TIFF) // 2] + TIFF[: len(TIFF) // 3]
    assert (tmp_path / "file.tif").read_bytes() == second


def test_a_server_that_cannot_continue_gives_the_file_anew(server: Server, tmp_path: Path) -> None:
    output, _ = fetch(f"{server.address}/simple", tmp_path)
    assert output.read_bytes() == TIFF


@pytest.mark.parametrize(
    ("behaviour", "attempts"),
    [("bucket", 1), ("bucket-broken", 2), ("bucket-spoilt", 2), ("sums", 2), ("chunked", 1)],
)
def test_checksums_are_verified_where_given(
    server: Server, tmp_path: Path, behaviour: str, attempts: int
) -> None:
    output, _ = fetch(f"{server.address}/{behaviour}", tmp_path)
    assert output.read_bytes() == TIFF
    assert len(server.requests_of(behaviour)) == attempts
    assert len(list(output.parent.iterdir())) == 2


def test_which_checksums_count() -> None:
    md5 = hashlib.md5(TIFF).hexdigest()
    bucket = {"ETag": f'"{md5}"', "x-amz-request-id": "1"}
    assert announced(bucket) == announced(bucket, whole=False) == {"md5": md5}
    several = hashlib.sha256(TIFF).digest()
    for other in (
        {"ETag": f'"{md5}"'},  # another server's tag may be anything
        {**bucket, "ETag": f'"{md5}-3"'},  # of an object that came in three parts
        {**bucket, "ETag": f'W/"{md5}"'},
        {**bucket, "x-amz-server-side-encryption": "aws:kms"},
        {"x-amz-checksum-sha256": f"{base64.b64encode(several).decode()}-3"},
        {"Content-MD5": "?"},
    ):
        assert announced(other) == {}
    whole = {"Content-MD5": base64.b64encode(bytes.fromhex(md5)).decode()}
    assert announced(whole) == {"md5": md5}
    assert announced(whole, whole=False) == {}, "that of the part"


def test_progress_has_rate_and_time_left(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(progress_module, "LINE_EVERY_SECONDS", 0.0)
    fetch(f"{server.address}/plain", tmp_path)
    line = rf"download {TILE}.tif: \d of 1 MB, \d+\.\d+ MB/s, \d s left"
    assert len(re.findall(line, capsys.readouterr().err)) > 1


def test_another_process_that_is_killed_leaves_no_output(server: Server, tmp_path: Path) -> None:
    output, receipt = tmp_path / "tile.tif", tmp_path / "tile.json"
    words = {"tile": LARGE_TILE, "base-url": f"{server.address}/stalled-kill", "year": 2021}
    words |= {"output": output, "receipt": receipt}
    command = [sys.executable, "-m", "groundsynth", "fetch-imagery"]
    for name, value in words.items():
        command += [f"--{name}", str(value)]
    process = subprocess.Popen(command)
    partial = tmp_path / ".tile.tif.partial"
    until(lambda: partial.is_file() and partial.stat().st_size > 0, "a part of the file")
    process.kill()
    process.wait()
    assert not output.exists()
    assert not receipt.exists()
    subprocess.run(command, check=True)
    assert output.read_bytes() == LARGE
    assert int(server.requests_of("stalled-kill")[-1]["from"]) > 0


@pytest.mark.parametrize(
    ("behaviour", "reason", "attempts"),
    [
        ("wrong", r"broke off after \d+ bytes.*run again", 7),
        ("down", r"answered 503.*run again", 6),
        ("chunked-cut", r"broke off after \d+ bytes.*run again", 7),
        ("bucket-rotten", r"another md5 checksum than announced.*run again", 6),
        ("forbidden", r"answered 403.*check the address", 3),
        ("endless", r"does not say where the file ends.*check the address", 3),
        ("login", r"is no TIFF file.*check the address", 1),
    ],
)
def test_failures_name_the_reason_and_leave_no_output(
    server: Server, tmp_path: Path, behaviour: str, reason: str, attempts: int
) -> None:
    with pytest.raises(FetchError, match=rf"127.0.0.1:.*{TILE}_S2RGBNIR.tif.*{reason}"):
        fetch(f"{server.address}/{behaviour}", tmp_path)
    assert not (tmp_path / "out" / f"{TILE}.tif").exists()
    assert not (tmp_path / "out" / f"{TILE}.json").exists()
    assert len(server.requests_of(behaviour)) == attempts


def test_nobody_at_the_address(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="could not be downloaded"):
        fetch("http://user:secret@127.0.0.1:9", tmp_path)


def test_messages_and_records_show_no_password() -> None:
    shown = download_module.public("https://user:secret@host:8080/a/b.tif?token=1")
    assert shown == "https://host:8080/a/b.tif"


@pytest.mark.parametrize("form", ["{folder}", "file://{folder}"])
def test_a_local_copy_is_linked(server: Server, tmp_path: Path, form: str) -> None:
    output, receipt = fetch(form.format(folder=server.folder), tmp_path)
    source = server.folder / imagery_key(TILE, 2021)
    assert output.is_symlink()
    assert output.samefile(source)
    assert receipt["bytes"] == len(TIFF)
    assert receipt["sha256"] == hashlib.sha256(TIFF).hexdigest()
    assert str(server.folder) not in json.dumps(receipt)


def test_local_files_may_lie_side_by_side(tmp_path: Path) -> None:
    name = imagery_key(TILE, 2021).rsplit("/", 1)[-1]
    (tmp_path / name).write_bytes(TIFF)
    output, receipt = fetch(str(tmp_path), tmp_path / "run")
    assert output.read_bytes() == TIFF
    assert receipt["present"] is True
    assert fetch(str(tmp_path), tmp_path / "run", "N00W030")[1]["present"] is False


def test_a_local_folder_may_be_given_from_where_the_run_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = imagery_key(TILE, 2021).rsplit("/", 1)[-1]
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / name).write_bytes(TIFF)
    (tmp_path / "run" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "run")
    assert fetch("../mirror", tmp_path / "run" / "deep")[0].read_bytes() == TIFF


def test_bad_local_sources_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere is no folder"):
        fetch(str(tmp_path / "nowhere"), tmp_path)
    with pytest.raises(ConfigurationError, match="s3://bucket is neither"):
        fetch("s3://bucket", tmp_path)
    name = imagery_key(TILE, 2021).rsplit("/", 1)[-1]
    (tmp_path / name).symlink_to(tmp_path / "unmounted")
    with pytest.raises(InputError, match=f"{name} is a link to a file that is missing"):
        fetch(str(tmp_path), tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=f"{name} is empty"):
        fetch(str(tmp_path), tmp_path)
    (tmp_path / name).write_bytes(b"<html>")
    with pytest.raises(InputError, match=f"{name} is no TIFF"):
        fetch(str(tmp_path), tmp_path)
    assert (tmp_path / name).read_bytes() == b"<html>"
