"""A long training as a chain of jobs, each with a time slot of its own.

Every slot job takes up the training where the one before left it, and writes a receipt. The last
one writes the finished generator, or fails when the training is not complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundsynth.errors import StateError
from groundsynth.gan.training import Trainer
from groundsynth.run_state import RunState, open_state, slot_seconds, write_receipt


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


def advance(slot: Slot, build: Callable[[], Trainer]) -> None:
    """Train until complete or until the slot is spent; the state is kept for the next slot."""
    with _state(slot, outputs=[slot.receipt], keep=True) as run:
        if not run.finished_elsewhere:
            trainer = build()
            _train(trainer, run)
            _write_receipt(slot, trainer)


def finish(
    slot: Slot,
    build: Callable[[], Trainer],
    outputs: Sequence[Path],
    write: Callable[[Trainer], None],
) -> None:
    """Train in the last slot and ``write`` the outputs.

    Raises StateError when the slot is spent before the training is complete; the state is kept.
    """
    with _state(slot, outputs=[*outputs, slot.receipt], keep=slot.keep_state) as run:
        if run.finished_elsewhere:
            return
        trainer = build()
        if not _train(trainer, run):
            raise StateError(
                f"The last time slot is spent at {trainer.describe()}; the state is saved in "
                f"{slot.state}: give more slots or a longer runtime, and start again to go on."
            )
        write(trainer)
        _write_receipt(slot, trainer)
        run.complete()


def _state(slot: Slot, outputs: Sequence[Path], keep: bool) -> AbstractContextManager[RunState]:
    return open_state(
        slot.state,
        parameters=slot.parameters,
        inputs=slot.inputs,
        outputs=outputs,
        stop_after=slot_seconds(slot.runtime),
        keep=keep,
    )


def _train(trainer: Trainer, run: RunState) -> bool:
    """Take up the training; leaves when a signal, not the clock, ended the slot."""
    trainer.restore(run.folder)
    complete = trainer.run(run)
    if not complete and not run.time_is_spent():
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
