"""The environment as one file: where it is unpacked, when, and what is said when it cannot be."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from groundsynth.packed_environment import UNUSED_DAYS, main


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A small environment with one program of its own."""
    folder = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    program = folder / "bin" / "hello"
    program.write_text(f"#!{folder}/bin/python -s\nimport sys\nprint(sys.prefix)\n", "utf-8")
    program.chmod(0o755)
    (folder / "bin" / "text").write_text("no program: #!/bin/python\n", "utf-8")
    return folder


@pytest.fixture
def packed(environment: Path, tmp_path: Path) -> Path:
    """The environment as a file."""
    file = tmp_path / "environment.tar"
    assert main(["pack", str(environment), str(file)]) == 0
    return file


def unpack(file: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Unpack and give the folder that was printed."""
    root.mkdir(exist_ok=True)
    assert main(["unpack", str(file), "--folder", str(root)]) == 0
    return Path(capsys.readouterr().out.strip())


def refusal(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence of a call that fails."""
    assert main(words) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    return said[0]


def test_programs_run_in_the_new_place(
    packed: Path, environment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = unpack(packed, tmp_path / "disk", capsys)
    environment.rename(tmp_path / "gone")
    said = subprocess.run([place / "bin" / "hello"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(place)
    assert (place / "bin" / "text").read_text("utf-8") == "no program: #!/bin/python\n"
    assert list(tmp_path.glob("environment.tar*")) == [packed]


def test_an_environment_behind_a_link(
    environment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Made under the name of the link, as on a file system that should not hold small files."""
    link = tmp_path / "link"
    link.symlink_to(environment)
    program = environment / "bin" / "hello"
    long_form = f"#!/bin/sh\n'''exec' \"{link}/bin/python\" \"$0\" \"$@\"\n' '''\n"
    program.write_text(f"{long_form}import sys\nprint(sys.prefix)\n", "utf-8")
    assert main(["pack", str(link), str(tmp_path / "environment.tar")]) == 0
    place = unpack(tmp_path / "environment.tar", tmp_path / "disk", capsys)
    link.unlink()
    said = subprocess.run([place / "bin" / "hello"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(place)


def test_the_second_call_unpacks_nothing(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = unpack(packed, tmp_path / "disk", capsys)
    (place / "mark").touch()
    assert unpack(packed, tmp_path / "disk", capsys) == place
    assert (place / "mark").exists()


def test_a_changed_environment_gets_a_folder_of_its_own(
    packed: Path, environment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "disk"
    old = unpack(packed, disk, capsys)
    (environment / "lib" / "new.py").write_text("x = 1\n", "utf-8")
    assert main(["pack", str(environment), str(packed)]) == 0
    new = unpack(packed, disk, capsys)
    assert new != old
    assert old.exists(), "jobs may still run from it"
    long_ago = time.time() - (UNUSED_DAYS + 1) * 86400
    os.utime(old, (long_ago, long_ago))
    (old.parent / "killed.part").mkdir()
    assert unpack(packed, disk, capsys) == new
    assert sorted(path.name for path in new.parent.iterdir()) == sorted([new.name, "lock"])


def test_nothing_is_left_under_the_name_of_a_failed_unpacking(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = packed.read_bytes()
    packed.write_bytes(content[: len(content) // 2])
    disk = tmp_path / "disk"
    disk.mkdir()
    assert "tar stopped" in refusal(["unpack", str(packed), "--folder", str(disk)], capsys)
    packed.write_bytes(content)
    assert (unpack(packed, disk, capsys) / "bin" / "hello").exists()


@pytest.mark.parametrize("content", [None, b"", b"no archive"])
def test_what_is_no_pack_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    file = tmp_path / "environment.tar"
    if content is not None:
        file.write_bytes(content)
    said = refusal(["unpack", str(file), "--folder", str(tmp_path)], capsys)
    assert str(file) in said
    assert "make pack" in said


def test_another_users_folder_is_not_trusted(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"groundsynth-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    said = refusal(["unpack", str(packed), "--folder", str(tmp_path)], capsys)
    assert "somebody else" in said


def test_a_folder_that_is_no_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(["pack", str(tmp_path), str(tmp_path / "environment.tar")], capsys)
    assert "make setup" in said


def test_an_interpreter_that_the_node_lacks(
    environment: Path, packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("python", "python3", f"python3.{sys.version_info[1]}"):
        (environment / "bin" / name).unlink()
        (environment / "bin" / name).symlink_to("/nowhere/python3")
    assert main(["pack", str(environment), str(packed)]) == 0
    said = refusal(["unpack", str(packed), "--folder", str(tmp_path)], capsys)
    assert "/nowhere/python3" in said
