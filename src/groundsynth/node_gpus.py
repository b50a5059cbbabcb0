"""What nvidia-smi and the installed PyTorch say about a node, without importing anything heavy."""

from __future__ import annotations

import csv
import subprocess
from dataclasses import dataclass
from pathlib import Path

from groundsynth.errors import InputError

FIELDS = ("driver_version", "name", "memory.total", "compute_cap")
TIMEOUT_SECONDS = 60  # a node whose driver is loaded at the first call takes tens of seconds


@dataclass(frozen=True)
class Gpu:
    """One GPU; memory in MiB and compute capability are None where the driver does not say."""

    driver: str
    name: str
    memory_mb: int | None
    capability: tuple[int, int] | None


@dataclass(frozen=True)
class InstalledPytorch:
    """Version and CUDA runtime (None: a build for CPUs) of a PyTorch, and the GPUs it can use."""

    version: str
    cuda: str | None
    gpus: int


def read_gpus(nvidia_smi: Path) -> tuple[list[Gpu], str]:
    """GPUs of this node, and why there are none (empty where there are some).

    Raises InputError when the program prints something else than it was asked for.
    """
    code, answer = _ask(nvidia_smi, FIELDS)
    if code and "compute_cap" in answer:  # drivers before 510 do not know this field
        code, answer = _ask(nvidia_smi, FIELDS[:-1])
    if code:
        return [], answer.strip().partition("\n")[0] or f"{nvidia_smi} ended with code {code}"
    lines = csv.reader(answer.splitlines(), skipinitialspace=True)
    found = [_parsed(nvidia_smi, line) for line in lines if line]
    return found, "" if found else "nvidia-smi lists no GPU"


def _ask(nvidia_smi: Path, fields: tuple[str, ...]) -> tuple[int, str]:
    words = [str(nvidia_smi), f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    except FileNotFoundError:
        return 127, "there is no nvidia-smi"
    except PermissionError:
        return 126, f"{nvidia_smi} may not be run"
    except subprocess.TimeoutExpired:
        return 124, f"nvidia-smi did not answer within {TIMEOUT_SECONDS} s"
    except OSError as error:  # a folder, or a program for another machine
        return 126, f"{nvidia_smi} cannot be run ({error.strerror})"
    return done.returncode, done.stdout or done.stderr


def _parsed(nvidia_smi: Path, line: list[str]) -> Gpu:
    if len(line) < len(FIELDS) - 1:
        raise InputError(
            f"{nvidia_smi} printed {', '.join(line)!r} where driver, name and memory of a GPU were "
            "asked for; see what it prints by itself."
        )
    driver, name, memory, *capability = line
    numbers = capability[0].split(".") if capability else []
    known = len(numbers) == 2 and all(part.isdigit() for part in numbers)
    return Gpu(
        driver=driver,
        name=name,
        memory_mb=int(memory) if memory.isdigit() else None,
        capability=(int(numbers[0]), int(numbers[1])) if known else None,
    )


def installed_pytorch() -> InstalledPytorch | None:
    """The PyTorch of the running interpreter; None when there is none."""
    try:
        import torch
    except ImportError:
        return None
    return InstalledPytorch(
        torch.__version__.partition("+")[0], torch.version.cuda, torch.cuda.device_count()
    )
