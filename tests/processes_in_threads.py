"""Processes of a training as threads, for what they compute together: quick, in any precision."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from groundsynth.processes import Processes

T = TypeVar("T")


class Meeting:
    """Where ``count`` threads add up their tensors."""

    def __init__(self, count: int) -> None:
        self.barrier = threading.Barrier(count, timeout=60)
        self.given: dict[int, Tensor] = {}

    def add_up(self, rank: int, values: Tensor) -> None:
        """Replace ``values`` by the sum of what all threads give."""
        self.given[rank] = values.clone()
        self.barrier.wait()
        values.copy_(sum(self.given[rank] for rank in sorted(self.given)))
        self.barrier.wait()


@dataclass(frozen=True)
class Threaded(Processes):
    """A process that is a thread."""

    meeting: Any = field(default=None, compare=False)

    def add_up(self, values: Tensor) -> None:
        """As the real ones do, by gloo or NCCL."""
        self.meeting.add_up(self.rank, values)


def together(count: int, work: Callable[[Processes], T]) -> list[T]:
    """What ``work`` gives in each of ``count`` processes."""
    meeting, device = Meeting(count), torch.device("cpu")
    with ThreadPoolExecutor(count) as pool:
        running = [
            pool.submit(work, Threaded(device, rank, count, meeting)) for rank in range(count)
        ]
        return [one.result() for one in running]
