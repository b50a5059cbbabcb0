"""A cluster without a database: nothing but the queue says how a job ended.

The name of this module puts it last: the cluster starts again for it.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

from slurm_cluster import Cluster, finish


def test_a_stage_runs(
    any_cluster: Cluster,
    drive: Callable[..., "subprocess.Popen[str]"],
    small: Callable[..., list[str]],
    tmp_path: Path,
) -> None:
    any_cluster.stop()
    any_cluster.start("no_accounting")
    assert "slurmdbd" not in any_cluster.daemons()
    folder = tmp_path / "run"
    said = finish(drive(folder, "--profile", "slurm", *small(), "--", "patches"), folder)
    assert "5 of 5 steps (100%) done" in said
    assert (folder / "results" / "patches" / "funnel.csv").exists()


def test_it_comes_down(any_cluster: Cluster) -> None:
    any_cluster.stop()
    assert not any_cluster.daemons()
    assert not Path("/etc/slurm/slurm.conf").exists()
