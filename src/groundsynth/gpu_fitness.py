"""Which lock fits the GPUs and the driver of a node, and what to do where none does.

Compute capabilities are those compiled into the builds of PyTorch that the locks name. Drivers:
the table of NVIDIA's "CUDA Compatibility" (any driver from the first of a CUDA major version on).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from groundsynth.node_gpus import Gpu

BFLOAT16_FROM = (8, 0)


@dataclass(frozen=True)
class Lock:
    """A file of exact versions and what its PyTorch needs."""

    name: str
    command: str
    pytorch: str
    cuda: str
    driver: int
    capabilities: tuple[tuple[int, int], tuple[int, int]]

    def obstacle(self, gpu: Gpu) -> str:
        """What is wrong with a GPU or its driver, in a few words; empty when it fits."""
        lowest, highest = self.capabilities
        capability = gpu.capability or lowest
        if capability < lowest or capability[0] > highest[0]:
            return f"no code for compute capability {written(gpu.capability)}"
        if driver_series(gpu) < self.driver:
            return f"driver {gpu.driver}, needs {self.driver} or newer"
        return ""

    def obstacles(self, gpus: Sequence[Gpu]) -> list[str]:
        """What is wrong with any of the GPUs, each thing once."""
        return list(dict.fromkeys(filter(None, map(self.obstacle, gpus))))


DEFAULT = Lock("default", "make setup", "2.14.0", "13.0", 580, ((7, 5), (12, 0)))
LEGACY = Lock("legacy", "make setup LOCK=legacy", "2.7.1", "12.6", 525, ((5, 0), (9, 0)))
LOCKS = (DEFAULT, LEGACY)
"""In the order of preference."""


def fitting_lock(gpus: Sequence[Gpu]) -> Lock | None:
    """The first lock that fits every GPU, or None; without GPUs the default one."""
    return next((lock for lock in LOCKS if not lock.obstacles(gpus)), None)


def driver_series(gpu: Gpu) -> int:
    """First number of the driver's version; 0 where it is no number."""
    series = gpu.driver.partition(".")[0]
    return int(series) if series.isdigit() else 0


def written(capability: tuple[int, int] | None) -> str:
    """``(7, 0)`` as ``7.0``."""
    return "unknown" if capability is None else f"{capability[0]}.{capability[1]}"


def has_bfloat16(gpu: Gpu) -> bool:
    """Whether the GPU multiplies matrices in bfloat16 itself."""
    return gpu.capability is not None and gpu.capability >= BFLOAT16_FROM


def precision_advice(gpu: Gpu) -> str:
    """Which values of run.precision suit a GPU."""
    if has_bfloat16(gpu):
        return "run.precision: bfloat16, float16 or float32"
    return "run.precision: float16 (losses are scaled) or float32, not bfloat16"


def lock_advice(lock: Lock, gpus: Sequence[Gpu]) -> str:
    """What to do about a lock, seeing that it fits or not."""
    fitting = fitting_lock(gpus)
    if lock == fitting:
        return lock.command
    if not lock.obstacles(gpus):
        return f"the {DEFAULT.name} lock fits as well and is newer"
    if fitting is not None:
        return f"use the {fitting.name} lock" + (
            f", or ask the site for driver {lock.driver}" if _driver_would_do(lock, gpus) else ""
        )
    if _driver_would_do(lock, gpus):
        return f"ask the site for driver {lock.driver} or newer; until then run.device: cpu"
    return "other GPUs, or run.device: cpu"


def _driver_would_do(lock: Lock, gpus: Sequence[Gpu]) -> bool:
    """Whether the driver is all that keeps a lock from fitting."""
    return all(fault.startswith("driver") for fault in lock.obstacles(gpus))


def vllm_row(gpus: Sequence[Gpu]) -> tuple[str, str]:
    """Whether captions by vLLM can run here, and what to do."""
    elsewhere = "caption on other nodes, or by the grammar engine (captions.captioners)"
    if not gpus:
        return "no: needs a GPU", elsewhere
    faults = DEFAULT.obstacles(gpus)
    if faults:
        return f"no: needs the {DEFAULT.name} lock ({'; '.join(faults)})", elsewhere
    if not all(map(has_bfloat16, gpus)):
        return "yes, in float16", f"{DEFAULT.command} EXTRAS=vllm; captions.vllm.dtype: float16"
    return "yes", f"{DEFAULT.command} EXTRAS=vllm"
