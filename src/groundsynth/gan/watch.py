"""How a person follows a training while it runs: snapshots of fixed seeds, and event logs.

Only the first process watches. Nothing here changes the training: samples are drawn from their
seeds, not from the generators of random numbers that the training draws from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from groundsynth.event_log import EventLog, TensorBoardLog, WandbLog
from groundsynth.gan.snapshots import Snapshots

if TYPE_CHECKING:
    from groundsynth.gan.training import Trainer

OnTick = Callable[[Mapping[str, float]], None]

Draw = Callable[["Trainer"], tuple[np.ndarray, int]]
"""Images uint8 [N, H, W, 3] of the averaged generator, and the number of columns to show them."""


@dataclass(frozen=True)
class WatchSettings:
    """What is shown of a training.

    ``head`` rows of what ``draw`` gives are the same at every time; snapshots are ``interval``
    ticks apart. ``tensorboard`` is the folder of the event files, ``wandb`` a project;
    ``parameters`` are told to the latter.
    """

    draw: Draw
    head: int
    interval: int
    tensorboard: Path | None
    wandb: str | None
    parameters: Mapping[str, Any]

    def open_logs(self, state: Path, seen: int) -> list[EventLog]:
        """The wanted logs of a training with its ``state`` folder and images ``seen`` so far."""
        logs: list[EventLog] = []
        if self.wandb is not None:
            logs.append(WandbLog(self.wandb, state, self.parameters))
        if self.tensorboard is not None:
            logs.append(TensorBoardLog(self.tensorboard, seen))
        return logs

    def snapshots(self, trainer: Trainer, state: Path) -> Snapshots:
        """The snapshots of a training with its ``state`` folder."""
        return Snapshots(state, trainer.reader.patches.resolution, self.head, self.interval)


class Watch:
    """Shows one training, at its beginning and at its ticks."""

    def __init__(self, settings: WatchSettings, trainer: Trainer, state: Path) -> None:
        self.settings, self.trainer = settings, trainer
        self.snapshots = settings.snapshots(trainer, state)
        self.logs = settings.open_logs(state, trainer.seen)
        self.last = (trainer.seen, trainer.seconds)

    def begin(self) -> None:
        """Forget what a killed attempt had drawn later; show an untrained generator."""
        self.snapshots.forget_after(self.trainer.seen)
        if self.trainer.seen == 0:
            self._show({}, self._snapshot())

    def tick(self, figures: Mapping[str, float]) -> None:
        """Show the figures of a tick, the rate since the last one, and a snapshot if it is due."""
        trainer = self.trainer
        images, seconds = trainer.seen - self.last[0], trainer.seconds - self.last[1]
        self.last = (trainer.seen, trainer.seconds)
        rate = {"images_per_second": images / max(seconds, 1e-9)}
        due = trainer.complete or self.snapshots.due(trainer.steps // trainer.schedule.tick_steps)
        self._show({**figures, **rate}, self._snapshot() if due else None)

    def _show(self, figures: Mapping[str, float], picture: np.ndarray | None) -> None:
        for log in self.logs:
            log.write(self.trainer.seen, figures, picture)

    def _snapshot(self) -> np.ndarray:
        images, columns = self.settings.draw(self.trainer)
        return self.snapshots.write(images, columns, self.trainer.seen)


@contextmanager
def watching(
    settings: WatchSettings | None, trainer: Trainer, state: Path
) -> Iterator[OnTick | None]:
    """What to call at each tick of a training at its beginning, or taken up from its state."""
    if settings is None or not trainer.processes.first:
        yield None
        return
    watch = Watch(settings, trainer, state)
    try:
        watch.begin()
        yield watch.tick
    finally:
        for log in watch.logs:
            log.close()
