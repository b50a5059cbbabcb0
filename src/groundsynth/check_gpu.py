"""Verb check-gpu: one table of what a node has, which lock fits, and what to do.

It runs before there is an environment: nothing beyond the standard library is needed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from groundsynth.gpu_fitness import (
    LOCKS,
    fitting_lock,
    has_bfloat16,
    lock_advice,
    precision_advice,
    vllm_row,
    written,
)
from groundsynth.node_gpus import Gpu, InstalledPytorch, installed_pytorch, read_gpus

Row = tuple[str, str, str]
WIDTHS = (18, 46, 46)


def check_gpu(*, nvidia_smi: Path = Path("nvidia-smi")) -> None:
    """Print what GPUs and driver this node has, which lock fits, and what to do about the rest.

    Called on a compute node it says what jobs there find; ``nvidia_smi`` names the program that
    is asked. Raises InputError when that prints something unintelligible.
    """
    gpus, reason = read_gpus(nvidia_smi)
    print(table(rows_of(gpus, reason, installed_pytorch())))


def rows_of(gpus: Sequence[Gpu], reason: str, pytorch: InstalledPytorch | None) -> list[Row]:
    """Rows (what, found, what to do) for the GPUs, or the ``reason`` why there are none."""
    rows = [_gpu_row(gpu, gpus) for gpu in dict.fromkeys(gpus)]
    if not gpus:
        advice = "on a cluster, call it in a job that has a GPU; without one run.device: cpu"
        rows = [("GPU", f"none: {reason}", advice)]
    else:
        rows.insert(0, ("driver", ", ".join(dict.fromkeys(gpu.driver for gpu in gpus)), ""))
    for lock in LOCKS:
        faults = "; ".join(lock.obstacles(gpus))
        verdict = f"does not fit: {faults}" if faults else "fits"
        found = f"PyTorch {lock.pytorch}, CUDA {lock.cuda}: {verdict}"
        rows.append((f"{lock.name} lock", found, lock_advice(lock, gpus)))
    rows.append(("vLLM", *vllm_row(gpus)))
    rows.append(("installed PyTorch", *_pytorch_row(gpus, pytorch)))
    return rows


def _gpu_row(gpu: Gpu, gpus: Sequence[Gpu]) -> Row:
    memory = "memory unknown" if gpu.memory_mb is None else f"{gpu.memory_mb / 1024:.0f} GiB"
    kinds = "float16 and bfloat16" if has_bfloat16(gpu) else "float16, no bfloat16"
    found = f"{gpu.name}, {memory}, compute capability {written(gpu.capability)}, {kinds}"
    return f"GPU ({gpus.count(gpu)} x)", found, precision_advice(gpu)


def _pytorch_row(gpus: Sequence[Gpu], pytorch: InstalledPytorch | None) -> tuple[str, str]:
    """What the running interpreter has, and what to do if it does not suit the GPUs."""
    fitting = fitting_lock(gpus)
    command = fitting.command if fitting else "nothing to install: no lock fits"
    if pytorch is None:
        return "none", command
    found = f"{pytorch.version}, CUDA {pytorch.cuda or 'none'}, can use {pytorch.gpus} GPU"
    own = next((lock for lock in LOCKS if lock.pytorch == pytorch.version), None)
    if own is None:
        return f"{found}; of no lock", command
    if own.obstacles(gpus):
        return f"{found}; the {own.name} lock", command
    if pytorch.gpus < len(gpus):
        found += f" of {len(gpus)}"  # a job on a shared node has a part of its GPUs
    if gpus and not pytorch.gpus:
        return found, "does the job have its GPUs (--gres=gpu:1, CUDA_VISIBLE_DEVICES)?"
    return f"{found}; the {own.name} lock", ""


def table(rows: Sequence[Row]) -> str:
    """Three columns of fixed widths, long texts wrapped."""
    head = ("what", "found", "what to do")
    lines = []
    for row in (head, tuple("-" * width for width in WIDTHS), *rows):
        cells = [
            textwrap.wrap(text, width) or [""] for text, width in zip(row, WIDTHS, strict=True)
        ]
        for number in range(max(map(len, cells))):
            parts = (cell[number] if number < len(cell) else "" for cell in cells)
            padded = (f"{part:<{width}}" for part, width in zip(parts, WIDTHS, strict=True))
            lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)
