"""A cluster without a database: nothing but the queue says how a job ended.

The name of this module puts it last: the cluster starts again for it.
"""

from collections.abc import Callable
from pathlib import Path

from slurm_cluster import Cluster, Driver, finish

PATCHES = "results/patches/real/N36E030.images.npy"


def test_jobs_run_one_after_the_other(
    any_cluster: Cluster,
    drive: Callable[..., Driver],
    small: Callable[..., list[str]],
    tmp_path: Path,
) -> None:
    any_cluster.stop()
    any_cluster.start("no_accounting")
    assert "slurmdbd" not in any_cluster.daemons()
    folder = tmp_path / "run"
    said = finish(drive(folder, "--profile", "slurm", *small(), "--", PATCHES), folder)
    assert "3 of 3 steps (100%) done" in said
    assert (folder / PATCHES).exists()


def test_it_comes_down(any_cluster: Cluster) -> None:
    any_cluster.stop()
    assert not any_cluster.daemons()
    assert not Path("/etc/slurm/slurm.conf").exists()
