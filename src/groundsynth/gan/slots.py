"""A long training as a chain of jobs, each with a time slot of its own.

Every slot job takes up the training where the one before left it, and writes a receipt. The last
one writes the finished generator, or fails when the training is not complete.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundsynth.errors import StateError
from groundsynth.gan.processes import Processes, join_processes
from groundsynth.gan.training import Trainer
from groundsynth.gan.watch import WatchSettings, watching
from groundsynth.run_state import RunState, follow_state, open_state, slot_seconds, write_receipt


@dataclass(frozen=True)
class Slot:
    """One job of the chain; ``parameters`` and ``inputs`` are what its saved state depends on."""

    parameters: Mapping[str, Any]
    inputs: Sequence[Path]
    state: Path
    keep_state: bool
    number: int
    runtime: float | None
    receipt: Path
    device: str
    watch: WatchSettings


Build = Callable[[Processes], Trainer]


def advance(slot: Slot, build: Build) -> None:
    """Train until complete or until the slot is spent; the state is kept for the next slot."""
    with _state(slot, outputs=[slot.receipt], keep=True) as (run, processes):
        if processes.any(run.finished_elsewhere):
            return
        trainer = build(processes)
        _train(slot, trainer, run)
        if processes.first:
            _write_receipt(slot, trainer)


def finish(
    slot: Slot, build: Build, outputs: Sequence[Path], write: Callable[[Trainer], None]
) -> None:
    """Train in the last slot and ``write`` the outputs.

    Raises StateError when the slot is spent before the training is complete; the state is kept.
    """
    outputs = [*outputs, slot.receipt]
    with _state(slot, outputs=outputs, keep=slot.keep_state) as (run, processes):
        if processes.any(run.finished_elsewhere):
            return
        trainer = build(processes)
        if not _train(slot, trainer, run):
            raise StateError(
                f"The last time slot is spent at {trainer.describe()}; the state is saved in "
                f"{slot.state}: give more slots or a longer runtime, and start again to go on."
            )
        if processes.first:
            print(trainer.describe(), file=sys.stderr)
            write(trainer)
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


def _train(slot: Slot, trainer: Trainer, run: RunState) -> bool:
    """Take up the training; leaves when a signal, not the clock, ended the slot."""
    trainer.restore(run.folder)
    with watching(slot.watch, trainer, run.folder) as on_tick:
        complete = trainer.run(run, on_tick)
    if not complete and not trainer.processes.any(run.time_is_spent()):
        raise run.leave(trainer.describe())
    return complete


def _write_receipt(slot: Slot, trainer: Trainer) -> None:
    write_receipt(
        slot.receipt,
        slot=slot.number,
        complete=trainer.complete,
        steps=trainer.steps,
        images=trainer.seen,
        seconds=round(trainer.seconds, 1),
    )
