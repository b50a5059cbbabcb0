"""The folder that a killed job resumes from.

One folder belongs to one job (``work/<rule>/<wildcards>``). It carries

- a fingerprint of the inputs and parameters: state made from others is never continued;
- a lease with a heartbeat: two attempts of the same job never write together;
- whatever the job saves (checkpoints, finished parts), removed when the output is in place.

A job asks ``should_stop()`` at each safe point: it is true when a signal asked the job to leave
(SIGTERM, SIGUSR1, and SIGINT unless the job was started with it ignored), when its time slot is
spent, or when it stood still so long that another process took its lease.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from groundsynth.attempt_log import take_over_attempts
from groundsynth.errors import GroundsynthError, StateError
from groundsynth.files import write_json
from groundsynth.fingerprint import changes, fingerprint
from groundsynth.lease import NAME as LEASE
from groundsynth.lease import hold_lease

FINGERPRINT = "fingerprint.json"
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
SLOT_SPENT = 75
"""Exit code of a job whose time slot is spent (EX_TEMPFAIL: start it again)."""


class Stopped(GroundsynthError):
    """The job saved its state and left because it was asked to."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class RunState:
    """State of one job while it runs; made by ``open_state``."""

    def __init__(self, folder: Path, stop_after: float | None) -> None:
        self.folder = folder
        self.started = time.monotonic()
        self.stop_after = stop_after
        self.signal: signal.Signals | None = None
        self.lost = threading.Event()
        self.completed = False
        self.finished_elsewhere = False
        """Another attempt held the state and finished while this one waited for it."""
        self._owner = os.getpid()

    def should_stop(self) -> bool:
        """Whether the job should save its state and leave now."""
        return self.signal is not None or self.lost.is_set() or self.time_is_spent()

    def time_is_spent(self) -> bool:
        """Whether the time slot is over, by the clock or by the scheduler's SIGUSR1."""
        over = self.stop_after is not None and time.monotonic() - self.started >= self.stop_after
        return over or self.signal == signal.SIGUSR1

    def leave(self, done: str) -> Stopped:
        """The exception to raise after saving; ``done`` says how far the work has come."""
        saved = f"the state is saved in {self.folder}: start again to go on."
        if self.lost.is_set():
            return Stopped(
                f"Another process took over at {done}, because this one stood still; {saved}",
                exit_code=SLOT_SPENT,
            )
        if self.time_is_spent():
            return Stopped(f"The time slot is spent at {done}; {saved}", exit_code=SLOT_SPENT)
        number = self.signal or signal.SIGTERM
        return Stopped(f"Stopped by {number.name} at {done}; {saved}", exit_code=128 + number)

    def complete(self) -> None:
        """Say that the outputs are in place; the folder is removed when the state is closed."""
        self.completed = True

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() == self._owner:
            self.signal = signal.Signals(number)
        elif number == signal.SIGTERM:  # a forked worker, which has nothing to save
            os._exit(128 + number)


@contextmanager
def open_state(
    folder: Path,
    *,
    parameters: Mapping[str, Any],
    inputs: Iterable[Path],
    outputs: Sequence[Path] = (),
    stop_after: float | None = None,
    keep: bool = False,
) -> Iterator[RunState]:
    """Hold the state folder of a job; start clean unless it fits ``parameters`` and ``inputs``.

    ``stop_after`` is the time slot in seconds. ``outputs`` are the job's declared outputs: when
    another attempt held the folder and has written them all while this one waited,
    ``finished_elsewhere`` is set and there is nothing left to do. Raises StateError when the
    holder does not let go within the time slot, and Stopped when a signal ends the waiting.
    """
    state = RunState(folder, stop_after)
    with _signals_to(state), ExitStack() as stack:
        stack.callback(_remove_if_empty, folder)
        waited = _enter_lease(stack, state)
        take_over_attempts(waited)
        if waited and outputs and all(path.exists() for path in outputs):
            state.finished_elsewhere = True
        else:
            _match_fingerprint(folder, fingerprint(parameters, inputs))
        yield state
        ours = not (state.finished_elsewhere or state.lost.is_set())
        if state.completed and ours and not keep:
            _empty(folder)  # under the lease: who waits for it must not see half of it


@contextmanager
def follow_state(folder: Path, stop_after: float | None = None) -> Iterator[RunState]:
    """The state of a job in which another process of the same job holds the folder.

    It receives signals and keeps the time like the holder's, and writes nothing.
    """
    state = RunState(folder, stop_after)
    with _signals_to(state):
        yield state


@contextmanager
def _signals_to(state: RunState) -> Iterator[None]:
    previous = {number: signal.signal(number, state._receive) for number in _heeded()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _heeded() -> list[signal.Signals]:
    """The signals that ask this process to leave.

    A shell without job control starts background jobs with SIGINT ignored, so that an interrupt
    of what runs in front passes them by: a driver that goes on must not lose its trainings.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return [number for number in SIGNALS if number != signal.SIGINT or not ignored]


def _enter_lease(stack: ExitStack, state: RunState) -> bool:
    """Take the lease until the stack is closed; True if another holder was waited for."""
    try:
        return stack.enter_context(hold_lease(state.folder, state.should_stop, state.lost))
    except StateError as error:
        if state.signal is None or state.time_is_spent():
            raise
        raise Stopped(str(error), exit_code=128 + state.signal) from None


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _match_fingerprint(folder: Path, expected: dict[str, Any]) -> None:
    """Keep the folder's content if it was made from ``expected``; else empty it and say why."""
    path = folder / FINGERPRINT
    if path.exists():
        changed = changes(path, expected)
        if not changed:
            for leftover in folder.rglob(".*.part*"):  # of a writer that was killed
                leftover.unlink(missing_ok=True)
            return
        print(
            f"The saved state in {folder} was made with other inputs or parameters ({changed}): "
            "it is discarded and the work starts anew.",
            file=sys.stderr,
        )
    _empty(folder)
    write_json(path, expected)


def _empty(folder: Path) -> None:
    """Remove what the job saved, the fingerprint first: what is left must not look whole.

    The lease stays, and so do the names that a network file system gives to deleted open files.
    """
    (folder / FINGERPRINT).unlink(missing_ok=True)
    for entry in folder.iterdir():
        if entry.name == LEASE or entry.name.startswith(".nfs"):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)


def slot_seconds(runtime_minutes: float | None, margin_minutes: float = 5.0) -> float | None:
    """Length of a time slot in seconds: the job's runtime less a margin to save in.

    The margin is at most a quarter of the runtime, so that short test slots still work.
    """
    if runtime_minutes is None:
        return None
    return 60 * (runtime_minutes - min(margin_minutes, runtime_minutes / 4))


def write_receipt(path: Path, *, slot: int, complete: bool, **figures: Any) -> None:
    """Write a slot's receipt: whether the training is complete, and how far it has come."""
    write_json(path, {"slot": slot, "complete": complete, **figures})
