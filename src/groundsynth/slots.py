"""A long training as a chain of jobs, each with a time slot of its own.

Every slot job takes up the training where the one before left it, and writes a receipt. The last
one writes the finished model, or fails when the training is not complete. A slot may have several
processes, of which the first holds the state folder and writes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from groundsynth.errors import StateError
from groundsynth.processes import Processes, join_processes
from groundsynth.run_state import RunState, follow_state, open_state, slot_seconds, write_receipt


class Training(Protocol):
    """What a kind of model brings to the chain: a training that can be left after any step."""

    @property
    def processes(self) -> Processes:
        """The processes that it is spread over."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the training has come to its end."""
        ...

    @property
    def steps(self) -> int:
        """Steps taken so far, in all slots."""
        ...

    @property
    def seen(self) -> int:
        """Images seen so far, in all slots."""
        ...

    @property
    def seconds(self) -> float:
        """Time spent so far, in all slots."""
        ...

    def restore(self, folder: Path) -> None:
        """Take up what an earlier slot saved in ``folder``, alike in all processes."""
        ...

    def run(self, run: RunState) -> bool:
        """Train until complete, or save and leave when asked to stop; True when complete."""
        ...

    def describe(self) -> str:
        """How far the training has come, in words."""
        ...


T = TypeVar("T", bound=Training)


@dataclass(frozen=True)
class Slot:
    """One job of the chain; ``parameters`` and ``inputs`` are what its saved state depends on."""

    parameters: Mapping[str, Any]
    inputs: Sequence[Path]
    state: Path
    keep_state: bool
    number: int
    runtime: float | None
    receipt: Path | None
    device: str


def advance(slot: Slot, build: Callable[[Processes], Training]) -> None:
    """Train until complete or until the slot is spent; the state is kept for the next slot."""
    with _state(slot, outputs=_receipt(slot), keep=True) as (run, processes):
        if processes.any(run.finished_elsewhere):
            return
        trainer = build(processes)
        _train(trainer, run)
        if processes.first:
            _write_receipt(slot, trainer)


def finish(
    slot: Slot,
    build: Callable[[Processes], T],
    outputs: Sequence[Path],
    write: Callable[[T, RunState], None],
) -> None:
    """Train in the last slot and ``write`` the outputs.

    Raises StateError when the slot is spent before the training is complete; the state is kept.
    """
    outputs = [*outputs, *_receipt(slot)]
    with _state(slot, outputs=outputs, keep=slot.keep_state) as (run, processes):
        if processes.any(run.finished_elsewhere):
            return
        trainer = build(processes)
        if not _train(trainer, run):
            raise StateError(
                f"The last time slot is spent at {trainer.describe()}; the state is saved in "
                f"{slot.state}: give more slots or a longer runtime, and start again to go on."
            )
        if processes.first:
            print(trainer.describe(), file=sys.stderr)
            write(trainer, run)
            _write_receipt(slot, trainer)
            run.complete()


@contextmanager
def _state(slot: Slot, outputs: Sequence[Path], keep: bool) -> Iterator[tuple[RunState, Processes]]:
    """The state folder, held by the first of the processes; the others go along with it."""
    stop_after = slot_seconds(slot.runtime)
    with join_processes(slot.device) as processes:
        if not processes.first:
            with follow_state(slot.state, stop_after) as run:
                yield run, processes
            return
        with open_state(
            slot.state,
            parameters=slot.parameters,
            inputs=slot.inputs,
            outputs=outputs,
            stop_after=stop_after,
            keep=keep,
        ) as run:
            yield run, processes


def _train(trainer: Training, run: RunState) -> bool:
    """Take up the training; leaves when a signal, not the clock, ended the slot."""
    trainer.restore(run.folder)
    complete = trainer.run(run)
    if not complete and not trainer.processes.any(run.time_is_spent()):
        raise run.leave(trainer.describe())
    return complete


def _receipt(slot: Slot) -> list[Path]:
    return [] if slot.receipt is None else [slot.receipt]


def _write_receipt(slot: Slot, trainer: Training) -> None:
    for path in _receipt(slot):
        write_receipt(
            path,
            slot=slot.number,
            complete=trainer.complete,
            steps=trainer.steps,
            images=trainer.seen,
            seconds=round(trainer.seconds, 1),
        )
