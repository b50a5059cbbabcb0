"""Files appear whole or not at all, and what cannot be written is said in one sentence."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from groundsynth.errors import InputError, OutputError
from groundsynth.files import LEFTOVER_SECONDS, atomic, read_json, write_json


def test_a_file_appears_when_the_block_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with atomic(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.suffix == ".txt"
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half() -> None:
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with (
        pytest.raises(OutputError, match=r"a\.txt cannot be written \(No space left"),
        atomic(path),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_keeps_its_own_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((NotADirectoryError, FileExistsError)), atomic(tmp_path / "file" / "a"):
        pass


def test_a_refused_input_is_not_blamed_on_the_output(tmp_path: Path) -> None:
    refused = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "input.tif"))
    with pytest.raises(PermissionError), atomic(tmp_path / "a.txt"):
        raise refused


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "00000.images.npy"
    code = (
        "import os, signal, sys; from pathlib import Path; from groundsynth.files import atomic\n"
        "with atomic(Path(sys.argv[1])) as t:\n"
        "    t.write_bytes(b'half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".part.npy")
    with atomic(path) as temporary:
        assert not left.exists()
        temporary.write_bytes(b"whole")
    assert list(tmp_path.iterdir()) == [path]


def test_writers_of_other_hosts_are_left_alone_for_a_day(tmp_path: Path) -> None:
    young, old = (tmp_path / f".a.elsewhere.{n}.part.txt" for n in (1, 2))
    young.write_text("")
    old.write_text("")
    then = time.time() - LEFTOVER_SECONDS - 60
    os.utime(old, (then, then))
    with atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("")
    assert young.exists()
    assert not old.exists()


def test_json_comes_back(tmp_path: Path) -> None:
    value = {"name": "ağaç", "numbers": [1, 2.5, None], "flag": True}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


def test_what_json_cannot_hold_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", [1])
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"path": Path()})
    assert read_json(tmp_path / "a.json") == [1]


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"\xff\xfe\x00binary"])
def test_broken_json_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "counts.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"counts\.json is not valid JSON"):
        read_json(path)


def test_missing_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"counts\.json is missing"):
        read_json(tmp_path / "counts.json")
