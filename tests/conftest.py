"""Settings of all tests, which their child processes inherit."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = str(ROOT / "src")
WORKFLOW = ("Snakefile", "rules", "config", "envs", "profiles", "slurm", "src")
"""What a run needs of the repository."""

# Before anything imports a numerical library: one thread a process, as several threads on few
# cores are slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The package is not installed: child processes find it as the tests themselves do.
os.environ["PYTHONPATH"] = os.pathsep.join([SOURCE, *filter(None, [os.environ.get("PYTHONPATH")])])
# Where SLURM's packages are installed, every start of Snakemake asks the controller for its
# settings; one that is down costs 9 s each time. The tests of tests/slurm set it back.
os.environ["SLURM_CONF"] = "/dev/null"


@pytest.fixture(scope="session")
def copy_workflow() -> Callable[[Path], Path]:
    """Copy what a run needs of the repository to a folder, and return the folder."""

    def copy(target: Path) -> Path:
        target.mkdir(parents=True)
        for name in WORKFLOW:
            source = ROOT / name
            if source.is_dir() and not source.is_symlink():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(source, target / name, ignore=ignored)
            else:
                shutil.copy2(source, target / name, follow_symlinks=False)
        return target

    return copy
