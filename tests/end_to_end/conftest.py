"""Runs of the workflow as a user starts them, on processors, in folders of their own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Launcher = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def launcher() -> Launcher:
    """``launcher(configuration, folder, *words)`` starts ``groundsynth.launch``, a session leader.

    Its output goes to ``<folder>.log``.
    """

    def start(configuration: Path, folder: Path, *words: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "groundsynth.launch", "--profile", "test"]
        command += ["--configuration", str(configuration), "--directory", str(folder), *words]
        with folder.with_name(f"{folder.name}.log").open("w") as log:
            return subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    return start


@pytest.fixture(scope="session")
def run_workflow(launcher: Launcher) -> Callable[..., str]:
    """``run_workflow(configuration, folder, *words)`` runs to the end and returns the output."""

    def run(configuration: Path, folder: Path, *words: str) -> str:
        code = launcher(configuration, folder, *words).wait()
        said = folder.with_name(f"{folder.name}.log").read_text("utf-8")
        assert code == 0, said
        return said

    return run


@pytest.fixture(scope="session")
def micro() -> Path:
    """The smallest complete configuration."""
    return ROOT / "config" / "micro.yaml"


@pytest.fixture(scope="session")
def micro_run(
    run_workflow: Callable[..., str], micro: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Folder of a finished, undisturbed run of the smallest configuration."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    run_workflow(micro, folder)
    return folder
