"""TRUBA's profiles against its rules, which the test cluster's submit filter keeps."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from slurm_cluster import ENVIRONMENT, LAB, ROOT, Cluster, Driver, finish, planned_lines, say

PACKER = ROOT / "src" / "groundsynth" / "packed_environment.py"
SCRATCH = LAB / "scratch"
GPU = (
    *("-A", "myproject", "-p", "akya-cuda", "-t", "60", "--mem", "8000", "--nodes=1"),
    *("--cpus-per-task=10", "--ntasks-per-node=1", "--gres=gpu:1"),
)
CPU = ("-A", "myproject", "-p", "barbun", "-t", "60", "--ntasks=1", "--cpus-per-task=20")


def submitted(words: tuple[str, ...] | list[str], folder: Path = SCRATCH) -> tuple[bool, str]:
    """Whether the cluster would take a job, and what it says."""
    command = ["sbatch", "--test-only", "-D", str(folder), *words, "--wrap", "true"]
    answer = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    return answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("profile", ["slurm", "profiles/truba-arf", "profiles/truba-acc"])
def test_every_job_of_the_paper_would_be_taken(
    cluster: Cluster, tmp_path: Path, profile: str
) -> None:
    """The executor plugin's own lines, one for each rule."""
    lines = planned_lines("--profile", profile, "--directory", str(tmp_path))
    assert len(lines) >= 18
    refused = {}
    for rule, words in lines.items():
        taken, said = submitted(words[1:])
        if not taken:
            refused[rule] = said
    assert not refused


# What is wrong with a job, and what the filter says of it.
VIOLATIONS = {
    "no account": (GPU, "-A", None, "no account"),
    "no time": (GPU, "-t", None, "no time limit"),
    "no GPU": (GPU, "--gres", None, "no GPU"),
    "the wrong form": (GPU, "--gres", "--gpus=1", "asked for by --gres"),
    "too few cores for a GPU": (GPU, "--cpus-per-task", "--cpus-per-task=8", "10 cores for each"),
    "cores of another partition": (GPU, "-p", ("-p", "palamut-cuda"), "16 cores for each GPU"),
    "no number of nodes": (GPU, "--nodes", None, "--nodes=1"),
    "no number of tasks": (GPU, "--ntasks-per-node", None, "--ntasks=1"),
    "too few cores": (CPU, "--cpus-per-task", "--cpus-per-task=2", "at least 20 cores"),
    "a larger node": (CPU, "-p", ("-p", "orfoz"), "at least 56 cores"),
    "a GPU without a partition for it": (CPU, "-t", ("-t", "60", "--gres=gpu:1"), "a GPU on"),
}


def changed(words: tuple[str, ...], option: str, value: str | tuple[str, ...] | None) -> list[str]:
    """The words with one option (of one word, or of two) left out or replaced."""
    at = next(n for n, word in enumerate(words) if word.split("=")[0] == option)
    length = 1 if "=" in words[at] else 2
    new = [value] if isinstance(value, str) else list(value or ())
    return [*words[:at], *new, *words[at + length :]]


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_the_filter_refuses(cluster: Cluster, violation: str) -> None:
    words, option, value, sentence = VIOLATIONS[violation]
    assert submitted(words)[0]
    taken, said = submitted(changed(words, option, value))
    assert not taken
    assert sentence in said


def test_the_filter_refuses_other_folders(cluster: Cluster, tmp_path: Path) -> None:
    taken, said = submitted(CPU, folder=tmp_path)
    assert not taken
    assert "working directory" in said
    taken, said = submitted([*CPU, "--output", str(tmp_path / "log")])
    assert not taken
    assert "log file" in said


@pytest.fixture(scope="module")
def small_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of a few files, with the libraries of the running one."""
    folder = tmp_path_factory.mktemp("small") / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    libraries = next(folder.glob("lib/python3.*/site-packages"))
    real = Path(sys.prefix, libraries.relative_to(folder))
    (libraries / "real.pth").write_text(f"{real}\n")
    program = (Path(sys.prefix) / "bin" / "snakemake").read_text("utf-8")
    script = folder / "bin" / "snakemake"
    script.write_text(re.sub(r"^#!.*", f"#!{folder}/bin/python", program))
    script.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def checkout(
    cluster: Cluster, copy_workflow: Callable[[Path], Path], small_environment: Path
) -> Path:
    """A clone under scratch, with a packed environment."""
    folder = copy_workflow(SCRATCH / "groundsynth")
    subprocess.run(
        [sys.executable, PACKER, "pack", small_environment, folder / "environment.tar"], check=True
    )
    return folder


def test_both_clusters_in_one_folder(
    cluster: Cluster,
    checkout: Path,
    drive: Callable[..., Driver],
    small: Callable[..., list[str]],
) -> None:
    """CPU stages on ARF, then GPU stages on ARF-ACC, from the unpacked environment."""
    place = say(sys.executable, str(PACKER), "unpack", "environment.tar", folder=checkout).strip()
    program = f"{place}/bin/snakemake"
    words = small()
    cores = ["--resources", "gpu_jobs=8", "cpus_per_task=20"]  # those of one CPU job
    arf = ["--profile", "profiles/truba-arf", *cores, *words, "--", "patches"]
    finish(drive(checkout, *arf, checkout=checkout, program=program), checkout)
    acc = ["--profile", "profiles/truba-acc", *words, "--", "gan"]
    finish(drive(checkout, *acc, checkout=checkout, program=program), checkout)

    records = cluster.records(checkout)
    given = {r.rule: (r.partition, r.cores, r.gpus) for r in records}
    assert given == {
        "simulate_imagery": ("barbun", 20, 0),
        "simulate_labels": ("barbun", 20, 0),
        "cut_patches": ("barbun", 20, 0),
        "train_stylegan": ("palamut-cuda", 16, 1),
    }
    first, second, *_ = sorted(records, key=lambda record: record.start)
    assert first.end <= second.start, "two jobs at once would have exceeded the cap on cores"
    (log,) = checkout.glob("logs/slurm/rule_train_stylegan/*.log")
    assert place in log.read_text("utf-8"), "each job asks for the environment first"


def test_jobs_of_one_node_unpack_once(cluster: Cluster, checkout: Path) -> None:
    """Six jobs on two nodes at the same moment; each node has a disk of its own."""
    disks = SCRATCH / "disks"
    for node in ("c1", "c2"):
        (disks / node).mkdir(parents=True)
    command = f"{sys.executable} {PACKER} unpack environment.tar --folder {disks}/$SLURMD_NODENAME"
    script = f'$({command})/bin/python -c "import sys; print(sys.prefix)"'
    common = ("sbatch", "--wait", "-p", "cpu", "-t", "5", "--mem", "500", "--wrap", script)
    jobs = [
        subprocess.Popen([*common, "-w", node, "-o", f"u{n}.log"], cwd=checkout, env=ENVIRONMENT)
        for n, node in enumerate(["c1", "c2"] * 3)
    ]
    assert [job.wait() for job in jobs] == [0] * 6
    said = [(checkout / f"u{n}.log").read_text("utf-8") for n in range(6)]
    assert sum("unpacked" in text for text in said) == 2
    for number, text in enumerate(said):
        (home,) = (disks / ("c1", "c2")[number % 2]).iterdir()
        (version,) = (path for path in home.iterdir() if path.is_dir())
        assert text.splitlines()[-1] == str(version)
