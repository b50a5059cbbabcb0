"""``snakemake --profile slurm`` from simulated tiles to the report, as the accounting saw it."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from runs import leftovers
from slurm_cluster import TRAININGS, Cluster, Record, planned_lines, say


def options_of(words: list[str]) -> dict[str, str]:
    """Options by name, whether written ``--name=value``, ``--name value`` or ``-n value``."""
    pairs = [word.split("=", 1) for word in words if word.startswith("--") and "=" in word]
    pairs += [
        [word, value] for word, value in pairwise(words) if word in {"-A", "-p", "-t", "--mem"}
    ]
    return dict(pairs)


def test_the_report_is_there_and_nothing_else(undisturbed: Path) -> None:
    assert (undisturbed / "results" / "report" / "index.html").stat().st_size > 10_000
    assert not leftovers(undisturbed)


def test_each_rule_got_what_it_asked_for(
    cluster: Cluster, undisturbed: Path, small: Callable[..., list[str]], tmp_path: Path
) -> None:
    words = ["--profile", "slurm", *small(**TRAININGS), "--directory", str(tmp_path)]
    plan = {rule: options_of(line) for rule, line in planned_lines(*words).items()}
    records = {record.rule: record for record in cluster.records(undisturbed)}
    assert records.keys() == plan.keys()
    for rule, options in plan.items():
        assert got(records[rule]) == {
            "state": "COMPLETED",
            "account": options["-A"],
            "partition": options["-p"],
            "cores": int(options["--cpus-per-task"]),
            "gpus": int(options.get("--gpus", 0)),
            "megabytes": int(options["--mem"]),
            "minutes": int(options["-t"]),
        }
    on_gpus = {rule for rule, record in records.items() if record.gpus}
    assert on_gpus == {"train_stylegan", "train_segmentation"}
    assert {rule for rule in records if records[rule].partition == "gpu"} == on_gpus


def got(record: Record) -> dict[str, object]:
    """What a job was given, without its name and times."""
    return {name: value for name, value in vars(record).items() if name in GIVEN}


GIVEN = {"state", "account", "partition", "cores", "gpus", "megabytes", "minutes"}


def test_logs_lie_in_the_run(undisturbed: Path) -> None:
    assert list(undisturbed.glob("logs/slurm/rule_train_stylegan/*.log"))
    assert (undisturbed / "logs" / "train_stylegan.log").stat().st_size


def test_starting_a_cluster_that_is_up_changes_nothing(cluster: Cluster) -> None:
    before = cluster.daemons()
    expected = {
        "mariadb",
        "slurmdbd",
        "slurmctld",
        *(f"slurmd-{n}" for n in ("c1", "c2", "g1", "g2")),
    }
    assert before.keys() - {"munged"} == expected, "the machine may have a munge of its own"
    cluster.start("accounting")
    assert cluster.daemons() == before


def test_the_papers_plan_is_made_on_a_cluster(cluster: Cluster, tmp_path: Path) -> None:
    """How long it takes, ``benchmarks/workflow/plan.py`` says."""
    said = say("snakemake", "--profile", "slurm", "-n", "--directory", str(tmp_path))
    assert re.search(r"^train_segmentation +36$", said, re.MULTILINE)
    assert re.search(r"^total +752$", said, re.MULTILINE)
