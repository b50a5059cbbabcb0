"""A SLURM cluster on loopback, and runs of the smallest configuration on it."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from slurm_cluster import ENVIRONMENT, LAB, QUICK, ROOT, TRAININGS, Cluster, Driver, finish

PACKAGES = "slurm-wlm, slurm-wlm-basic-plugins, slurmdbd, munge and mariadb-server"
PROGRAMS = ("slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd")


@pytest.fixture(scope="session")
def any_cluster() -> Iterator[Cluster]:
    """The cluster, not started; skips where it cannot be."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} are not installed (Debian's packages {PACKAGES})")
    if os.geteuid() != 0:
        pytest.skip("the test cluster's daemons run as root, and this is another user")
    configuration = Path("/etc/slurm/slurm.conf")
    if configuration.exists() and "groundsynth test cluster" not in configuration.read_text():
        pytest.skip(f"this machine has a SLURM of its own ({configuration})")
    cluster = Cluster()
    cluster.stop()  # what a killed test left
    shutil.rmtree(LAB, ignore_errors=True)
    yield cluster
    cluster.stop()
    shutil.rmtree(LAB)


@pytest.fixture(scope="session")
def cluster(any_cluster: Cluster) -> Cluster:
    """The cluster with its accounting."""
    any_cluster.start("accounting")
    return any_cluster


@pytest.fixture(scope="session")
def drive() -> Callable[..., Driver]:
    """``drive(folder, *words, checkout=...)`` starts ``snakemake`` in a checkout's root.

    Its output is added to ``<folder>.log``.
    """

    def start(
        folder: Path, *words: str | Path, checkout: Path = ROOT, program: str = "snakemake"
    ) -> Driver:
        command = [program, "--directory", str(folder), *QUICK, *map(str, words)]
        with folder.with_name(f"{folder.name}.log").open("a") as log:
            return subprocess.Popen(
                command,
                cwd=checkout,
                env=ENVIRONMENT,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    return start


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """``small(section={...})``: words for the smallest configuration, with changes.

    One thread a job: the cores that the cluster declares are not there.
    """
    number = iter(range(1000))

    def words(**changes: object) -> list[str]:
        overlay = tmp_path_factory.mktemp("overlay") / f"{next(number)}.yaml"
        overlay.write_text(yaml.safe_dump(changes), "utf-8")
        configuration = ["--configfile", str(ROOT / "config" / "micro.yaml"), str(overlay)]
        wide = ("cut_patches", "advance_stylegan", "train_stylegan", "train_segmentation")
        return [*configuration, "--set-threads", *(f"{rule}=1" for rule in wide)]

    return words


@pytest.fixture(scope="session")
def undisturbed(
    cluster: Cluster,
    drive: Callable[..., Driver],
    small: Callable[..., list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Folder of a run from start to report on which nothing was inflicted."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    finish(drive(folder, "--profile", "slurm", *small(**TRAININGS)), folder)
    return folder
