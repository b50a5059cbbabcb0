"""The folder that a killed job resumes from.

One folder belongs to one job (``work/<rule>/<wildcards>``). It carries

- a fingerprint of the inputs and parameters: state made from others is never continued;
- a lease with a heartbeat: two attempts of the same job never write together;
- whatever the job saves (checkpoints, finished parts), removed when the output is in place.

A job asks ``should_stop()`` at each safe point: it is true when a signal asked the job to leave
(SIGTERM, SIGUSR1, SIGINT) or when its time slot is spent.
"""

from __future__ import annotations

import hashlib
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from groundsynth.errors import GroundsynthError
from groundsynth.files import read_json, write_json
from groundsynth.lease import hold_lease
from groundsynth.provenance import digest_of_value

FINGERPRINT = "fingerprint.json"
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
BLOCK, BLOCKS = 1 << 16, 64


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
        self.completed = False
        self.finished_elsewhere = False
        """Another attempt held the state and finished while this one waited for it."""

    def should_stop(self) -> bool:
        """Whether the job should save its state and leave now."""
        return self.signal is not None or self.time_is_spent()

    def time_is_spent(self) -> bool:
        """Whether the time slot is over, by the clock or by the scheduler's SIGUSR1."""
        over = (
            self.stop_after is not None
            and time.monotonic() - self.started >= self.stop_after
        )
        return over or self.signal == signal.SIGUSR1

    def leave(self, done: str) -> Stopped:
        """The exception to raise after saving; ``done`` says how far the work has come."""
        if self.time_is_spent():
            return Stopped(
                f"The time slot is spent at {done}; the state is saved in {self.folder}: start "
                "again to go on.",
                exit_code=75,
            )
        number = int(self.signal or signal.SIGTERM)
        return Stopped(
            f"Stopped by {signal.Signals(number).name} at {done}; the state is saved in "
            f"{self.folder}: start again to go on.",
            exit_code=128 + number,
        )

    def complete(self) -> None:
        """Say that the outputs are in place; the folder is removed when the state is closed."""
        self.completed = True

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)


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
    holder does not let go within the time slot.
    """
    state = RunState(folder, stop_after)
    previous = {number: signal.signal(number, state._receive) for number in SIGNALS}
    try:
        with hold_lease(folder, give_up=state.should_stop) as waited:
            if waited and outputs and all(path.exists() for path in outputs):
                state.finished_elsewhere = True
                state.completed = True
            else:
                _match_fingerprint(folder, fingerprint(parameters, inputs))
            yield state
            if state.completed and not keep:
                _empty(folder)  # under the lease: who waits for it must not see half of it
        with suppress(OSError):
            folder.rmdir()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def fingerprint(
    parameters: Mapping[str, Any], inputs: Iterable[Path]
) -> dict[str, Any]:
    """What state depends on: each parameter's digest and each input's sampled digest."""
    return {
        "parameters": {
            name: digest_of_value(value) for name, value in parameters.items()
        },
        "inputs": {str(path): sampled_digest(path) for path in inputs},
    }


def sampled_digest(path: Path) -> str:
    """Digest of a file's size and of 64 blocks of 64 KiB spread evenly over it.

    Below 4 MiB this is the whole content; a full digest of shards of many gigabytes would cost
    minutes at each start. Neither the time nor the place of the file counts, so that a copied
    or touched input does not cost a training.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        step = max(BLOCK, size // BLOCKS)
        for offset in range(0, size, step):
            stream.seek(offset)
            digest.update(stream.read(BLOCK))
        stream.seek(max(0, size - BLOCK))
        digest.update(stream.read(BLOCK))
    return digest.hexdigest()[:16]


def _match_fingerprint(folder: Path, expected: dict[str, Any]) -> None:
    """Keep the folder's content if it was made from ``expected``; else empty it and say why."""
    path = folder / FINGERPRINT
    if path.exists():
        try:
            found = read_json(path)
        except GroundsynthError:
            found = {}
        if found == expected:
            return
        changed = (
            ", ".join(_differences(found, expected)) or "an unreadable fingerprint"
        )
        print(
            f"The saved state in {folder} was made with other inputs or parameters ({changed}): "
            "it is discarded and the work starts anew.",
            file=sys.stderr,
        )
    _empty(folder)
    write_json(path, expected)


def _differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    names = []
    for part in ("parameters", "inputs"):
        old, new = found.get(part, {}), expected[part]
        names += sorted(n for n in {*old, *new} if old.get(n) != new.get(n))
    return names[:6]


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.name.startswith("lease"):
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def slot_seconds(
    runtime_minutes: float | None, margin_minutes: float = 5.0
) -> float | None:
    """Length of a time slot in seconds: the job's runtime less a margin to save in.

    The margin is at most a quarter of the runtime, so that short test slots still work.
    """
    if runtime_minutes is None:
        return None
    return 60 * (runtime_minutes - min(margin_minutes, runtime_minutes / 4))


def write_receipt(path: Path, *, slot: int, complete: bool, **figures: Any) -> None:
    """Write a slot's receipt: whether the training is complete, and how far it has come."""
    write_json(path, {"slot": slot, "complete": complete, **figures})
