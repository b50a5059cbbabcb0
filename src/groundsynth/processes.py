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
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from groundsynth.device import select_device
from groundsynth.parts import Part

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

    @property
    def part(self) -> Part:
        """Place of this process's equal share in every batch."""
        return Part(self.rank, self.count)

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

    def add_up_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace the gradients of ``parameters`` by their sums over the processes."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        whole = torch.cat([gradient.flatten() for gradient in gradients])
        self.add_up(whole)
        pieces = whole.split([gradient.numel() for gradient in gradients])
        for gradient, piece in zip(gradients, pieces, strict=True):
            gradient.copy_(piece.view(gradient.shape))

    def total(self, values: Tensor) -> Tensor:
        """Sum of ``values`` over the processes, for a loss that all of them compute alike.

        Its gradient is that of this process's summand: the processes' gradients of the parameters
        are to be added up.
        """
        total: Tensor = _Total.apply(values, self) if self.count > 1 else values
        return total

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the tensors of the first, and the states of its random generators."""
        if self.count == 1:
            return
        for tensor in tensors:
            in_order = tensor.detach().contiguous()  # not so where channels lie last
            dist.broadcast(in_order, 0)
            tensor.detach().copy_(in_order)
        state = torch.get_rng_state()
        dist.broadcast(state, 0)
        torch.set_rng_state(state)
        if self.device.type == "cuda":
            state = torch.cuda.get_rng_state(self.device).to(self.device)
            dist.broadcast(state, 0)
            torch.cuda.set_rng_state(state.cpu(), self.device)


class _Total(torch.autograd.Function):
    """The sum over processes; what comes back is handed to every summand."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, processes: Processes) -> Tensor:
        total = values.detach().clone()
        processes.add_up(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


@contextmanager
def join_processes(device: str) -> Iterator[Processes]:
    """Meet the other processes that torchrun started; ``device`` is the configured one.

    With several processes ``auto`` and ``cuda`` are the GPU of the local rank. Raises
    ConfigurationError where it is not there. To be called once in a process, at the end of which
    the others are left: gloo's own way to leave, tried with PyTorch 2.7.1, waited for ever in four
    of twenty meetings.
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
        if chosen.type == "cuda":  # NCCL asks for it
            dist.destroy_process_group()
