"""check-gpu on nodes of every kind, by what nvidia-smi prints there.

The files in ``nvidia_smi/`` are written in the form that the program documents, with the names
and sizes of the GPUs; no node of each kind was at hand.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from groundsynth.check_gpu import check_gpu, rows_of, table
from groundsynth.errors import InputError
from groundsynth.gpu_fitness import DEFAULT, LEGACY, LOCKS, Lock, fitting_lock
from groundsynth.node_gpus import Gpu, InstalledPytorch, read_gpus

ROOT = Path(__file__).parents[2]
PRINTED = Path(__file__).parent / "nvidia_smi"
LATEST = InstalledPytorch("2.14.0", "13.0", 0)


def fake(folder: Path, body: str) -> Path:
    """A program that stands in for nvidia-smi."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    program.chmod(0o755)
    return program


def printing(folder: Path, kind: str) -> Path:
    """Prints what a node prints; a driver that knows no compute_cap refuses to, as theirs do."""
    file = PRINTED / f"{kind}.csv"
    if len(file.read_text("utf-8").partition("\n")[0].split(",")) == 4:
        return fake(folder, f"cat {file}")
    return fake(
        folder,
        'case "$*" in *compute_cap*)\n'
        "echo 'Field \"compute_cap\" is not a valid field to query.'; exit 2;; esac\n"
        f"cat {file}",
    )


def gpus_of(folder: Path, kind: str) -> list[Gpu]:
    return read_gpus(printing(folder, kind))[0]


def test_what_nvidia_smi_says_is_read(tmp_path: Path) -> None:
    assert gpus_of(tmp_path, "h200") == [Gpu("580.95.05", "NVIDIA H200", 143771, (9, 0))] * 4
    assert gpus_of(tmp_path, "k80") == [Gpu("470.256.02", "Tesla K80", 11441, None)]


@pytest.mark.parametrize(
    ("kind", "fitting"),
    [
        ("p100", LEGACY),
        ("v100", LEGACY),
        ("a100", DEFAULT),
        ("h100", LEGACY),
        ("h200", DEFAULT),
        ("t4", DEFAULT),
        ("b200", None),
        ("k80", None),
        ("mixed", None),
    ],
)
def test_the_lock_that_fits(tmp_path: Path, kind: str, fitting: object) -> None:
    assert fitting_lock(gpus_of(tmp_path, kind)) == fitting


@pytest.mark.parametrize(
    ("kind", "first", "row", "words"),
    [
        ("p100", "GPU (2 x)", "GPU (2 x)", "16 GiB, compute capability 6.0, float16, no bfloat16"),
        ("p100", "GPU (2 x)", "GPU (2 x)", "run.precision: float16 (losses are scaled)"),
        ("v100", "driver", "default lock", "no code for compute capability 7.0"),
        ("v100", "driver", "default lock", "use the legacy lock"),
        ("v100", "driver", "legacy lock", "make setup LOCK=legacy"),
        ("v100", "driver", "vLLM", "no: needs the default lock"),
        ("a100", "driver", "legacy lock", "the default lock fits as well"),
        ("a100", "driver", "GPU (2 x)", "bfloat16"),
        ("a100", "driver", "vLLM", "make setup EXTRAS=vllm"),
        ("h100", "driver", "default lock", "driver 550.163.01, needs 580 or newer"),
        ("h100", "driver", "default lock", "or ask the site for driver 580"),
        ("t4", "driver", "vLLM", "captions.vllm.dtype: float16"),
        ("b200", "driver", "default lock", "ask the site for driver 580 or newer; until then"),
        ("b200", "driver", "legacy lock", "no code for compute capability 10.0"),
        ("k80", "driver", "legacy lock", "driver 470.256.02, needs 525 or newer"),
        ("k80", "driver", "installed PyTorch", "no lock fits"),
        ("mixed", "driver", "legacy lock", "other GPUs, or run.device: cpu"),
    ],
)
def test_each_mismatch_has_a_remedy(
    tmp_path: Path, kind: str, first: str, row: str, words: str
) -> None:
    rows = rows_of(gpus_of(tmp_path, kind), "", LATEST)
    texts = {name: f"{found} | {advice}" for name, found, advice in rows}
    assert first in texts
    assert words in texts[row]


def test_the_installed_pytorch_is_judged(tmp_path: Path) -> None:
    old = gpus_of(tmp_path, "v100")
    new = gpus_of(tmp_path, "h200")

    def last(gpus: list[Gpu], pytorch: InstalledPytorch | None) -> tuple[str, str, str]:
        return rows_of(gpus, "", pytorch)[-1]

    assert last(new, None)[1:] == ("none", "make setup")
    assert last(old, LATEST)[2] == "make setup LOCK=legacy"
    assert last(new, LATEST)[2].startswith("does the job have its GPUs")
    assert last(new, InstalledPytorch("2.14.0", "13.0", 4))[2] == ""
    assert last(old, InstalledPytorch("2.7.1", "12.6", 4))[2] == ""
    assert last(new, InstalledPytorch("2.9.1", None, 0))[1:] == (
        "2.9.1, CUDA none, can use 0 GPU; of no lock",
        "make setup",
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "there is no nvidia-smi"),
        ("echo No devices were found; exit 6", "No devices were found"),
        ("echo 'NVIDIA-SMI has failed: no driver.' >&2; exit 9", "NVIDIA-SMI has failed"),
        ("true", "lists no GPU"),
        ("exit 3", "ended with code 3"),
    ],
)
def test_a_node_without_gpu(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str | None, reason: str
) -> None:
    program = tmp_path / "absent" if body is None else fake(tmp_path, body)
    check_gpu(nvidia_smi=program)
    lines = " ".join(capsys.readouterr().out.split())
    assert reason in lines
    assert "run.device: cpu" in lines
    assert "CUDA 13.0: fits" in lines


def test_an_answer_that_is_no_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="printed 'hello' where driver, name and memory"):
        check_gpu(nvidia_smi=fake(tmp_path, "echo hello"))


def test_memory_that_the_driver_keeps_to_itself(tmp_path: Path) -> None:
    gpus, _ = read_gpus(fake(tmp_path, "echo '580.95.05, NVIDIA GB10, [N/A], 12.1'"))
    assert gpus == [Gpu("580.95.05", "NVIDIA GB10", None, (12, 1))]
    assert "memory unknown" in table(rows_of(gpus, "", None))
    assert fitting_lock(gpus) == DEFAULT


def test_it_runs_where_nothing_is_installed(tmp_path: Path) -> None:
    program = printing(tmp_path, "p100")
    words = [sys.executable, "-S", "-m", "groundsynth", "check-gpu", "--nvidia-smi", str(program)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "Tesla P100-PCIE-16GB" in done.stdout
    assert "installed PyTorch   none" in done.stdout


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_the_table_speaks_of_the_locks_as_they_are(lock: Lock) -> None:
    name = {"default": "requirements.lock", "legacy": "requirements-legacy.lock"}[lock.name]
    assert f"torch=={lock.pytorch}" in (ROOT / name).read_text("utf-8").splitlines()


def test_the_running_pytorch_has_the_capabilities_that_its_lock_names() -> None:
    version = torch.__version__.partition("+")[0]
    lock = next(lock for lock in LOCKS if lock.pytorch == version)
    built = sorted(int(name.removeprefix("sm_")) for name in torch._C._cuda_getArchFlags().split())
    assert torch.version.cuda == lock.cuda
    assert [divmod(built[0], 10), divmod(built[-1], 10)] == list(lock.capabilities)
