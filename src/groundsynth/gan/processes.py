"""The processes of one training, one a GPU, as torchrun starts them.

Rank, number and GPU come from the launcher's variables (RANK, WORLD_SIZE, LOCAL_RANK); without
them the training is alone. Every process holds the same networks; the first one holds the state
folder and writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from groundsynth.device import select_device

PATIENCE = timedelta(days=1)
"""Longest wait for another process: the first one may wait for the lease of the state folder."""


@dataclass(frozen=True)
class Processes:
    """Device and rank of this process, and how many there are."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is set in any process; asked on the CPU, so that no GPU waits."""
        if self.count == 1:
            return flag
        value = torch.tensor(int(flag))
        dist.all_reduce(value, dist.ReduceOp.MAX)
        return bool(value)

    def add_up(self, values: Tensor) -> None:
        """Replace ``values`` by their sum over the processes, the same to the bit in each."""
        if self.count > 1:
            dist.all_reduce(values)

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the tensors of the first, and the states of its random generators."""
        if self.count == 1:
            return
        for tensor in tensors:
            dist.broadcast(tensor.detach(), 0)
        state = torch.get_rng_state()
        dist.broadcast(state, 0)
        torch.set_rng_state(state)
        if self.device.type == "cuda":
            state = torch.cuda.get_rng_state(self.device).to(self.device)
            dist.broadcast(state, 0)
            torch.cuda.set_rng_state(state.cpu(), self.device)


@contextmanager
def join_processes(device: str) -> Iterator[Processes]:
    """Meet the other processes that torchrun started; ``device`` is the configured one.

    With several processes ``auto`` and ``cuda`` are the GPU of the local rank. Raises
    ConfigurationError where it is not there.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes(select_device(device))
        return
    chosen = select_device(device)
    if chosen.type == "cuda":
        chosen = select_device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}")
        torch.cuda.set_device(chosen)
    backend = "cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield Processes(chosen, dist.get_rank(), count)
    finally:
        dist.destroy_process_group()
