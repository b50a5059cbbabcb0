"""The training loop that StyleGAN and SPADE share.

A training is a list of phases. Each phase is one optimiser step of one network, on the losses it
names, at every ``interval``-th step (lazy regularisation, Karras et al. 2020, appendix B). The
loop averages the generator's weights, keeps the history, notices a training that went wrong, and
saves everything needed to go on bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from groundsynth.checkpoint import load_checkpoint, save_checkpoint
from groundsynth.device import loss_scaler
from groundsynth.gan.collapse import require_contest, require_finite_weights, require_variance
from groundsynth.gan.ema import ema_decay, update_ema
from groundsynth.gan.history import History
from groundsynth.gan.micro_batches import accumulate, part_size
from groundsynth.gan.plateau import FIGURE, Plateau
from groundsynth.gan.real_patches import Batch, BatchReader
from groundsynth.gan.schedule import Schedule
from groundsynth.gan.watch import OnTick, WatchSettings, watching
from groundsynth.processes import Processes
from groundsynth.progress import Progress
from groundsynth.run_state import RunState

Losses = Iterator[tuple[Tensor, dict[str, Tensor]]]
"""Losses to propagate one after the other, each with figures for the history."""


@dataclass(frozen=True)
class Phase:
    """One optimiser step of ``network`` on the sum of ``losses(batch)``."""

    name: str
    network: nn.Module
    optimizer: torch.optim.Optimizer
    losses: Callable[[Batch], Losses]
    interval: int = 1


class Objective(Protocol):
    """What a kind of generative model brings to the loop."""

    @property
    def phases(self) -> Sequence[Phase]:
        """Phases of a step, in order."""
        ...

    @property
    def running(self) -> Sequence[Tensor]:
        """Tensors that the losses change in place, besides the networks' buffers."""
        ...

    def after_step(self, steps: int) -> dict[str, Tensor]:
        """Adapt what depends on the course of the training; figures for the history."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What the losses remember from step to step."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        ...


@dataclass(frozen=True)
class Networks:
    """Generator, discriminator, and the running average of the generator."""

    generator: nn.Module
    discriminator: nn.Module
    average: nn.Module


class Trainer:
    """A training that can be left after any step and taken up again."""

    def __init__(
        self,
        networks: Networks,
        objective: Objective,
        reader: BatchReader,
        schedule: Schedule,
        processes: Processes,
        precision: str = "float32",
        plateau: Plateau | None = None,
        watch: WatchSettings | None = None,
    ) -> None:
        self.plateau, self.watch = plateau, watch
        self.networks, self.objective = networks, objective
        self.reader, self.schedule = reader, schedule
        self.processes, self.device = processes, processes.device
        self.part_size = part_size(schedule.batch, schedule.micro_batch, processes.count)
        self.precision = precision
        self.history = History()
        self.steps = 0
        self.seconds = 0.0
        self.scaler = loss_scaler(self.device, precision)

    @property
    def seen(self) -> int:
        """Images seen so far."""
        return self.steps * self.schedule.batch

    @property
    def complete(self) -> bool:
        """Whether the training has reached its length, or its distance the plateau."""
        return self.steps >= self.schedule.steps or self._at_plateau

    @property
    def _at_plateau(self) -> bool:
        return self.plateau is not None and self.plateau.reached

    def keep_best(self) -> dict[str, Any]:
        """Put the best weights into the average; what ended the training, for its description."""
        if self.plateau is None:
            return {"images": self.seen, "stopped_by": "kimg"}
        if self.plateau.weights is not None:
            self.networks.average.load_state_dict(self.plateau.weights)
        stopped_by = "plateau" if self._at_plateau else "kimg"
        return {"images": self.seen, "stopped_by": stopped_by, **self.plateau.facts()}

    def describe(self) -> str:
        """How far the training has come, in words."""
        place = f"step {self.steps} of {self.schedule.steps}"
        if self.plateau is None or self.plateau.weights is None:
            return place
        plateau = " (plateau reached)" if self._at_plateau else ""
        return f"{place}{plateau}, best {FIGURE} {self.plateau.best:.4g}"

    def run(self, run: RunState) -> bool:
        """Train until complete, or until ``run`` says to stop; True when complete."""
        with watching(self.watch, self, run.folder) as on_tick:
            return self._run(run, on_tick)

    def _run(self, run: RunState, on_tick: OnTick | None) -> bool:
        """As ``run``; ``on_tick`` gets the figures of each tick, before the state is saved."""
        images = self.schedule.steps * self.schedule.batch
        quiet = not self.processes.first
        with Progress("training", images, "img", done=self.seen, quiet=quiet) as progress:
            while not self.complete:
                self.step()
                stop = self.processes.any(run.should_stop())
                figures: dict[str, float] = {}
                at_tick = self.complete or self.steps % self.schedule.tick_steps == 0
                if at_tick:
                    figures = self.close_tick(run.folder)
                    if on_tick is not None and not run.lost.is_set():
                        on_tick(figures)
                if at_tick or stop:
                    self._require_finite(run.folder)
                    if self.processes.first and not run.lost.is_set():  # else it is not ours
                        save_checkpoint(run.folder, self.state_dict())
                progress.advance(self.schedule.batch, **figures)
                if stop:
                    break
        return self.complete

    def step(self) -> None:
        """One step: the phases that are due, then the average and the objective's adaptation."""
        started = time.monotonic()
        batch = self.reader.batch(self.seen)
        for phase in self.objective.phases:
            if self.steps % phase.interval == 0:
                self._take(phase, batch)
        self.steps += 1
        half_life = 1000 * self.schedule.ema_kimg
        decay = ema_decay(self.schedule.batch, self.seen, half_life)
        update_ema(self.networks.average, self.networks.generator, decay)
        self.history.record(self.objective.after_step(self.steps))
        self.seconds += time.monotonic() - started

    def _take(self, phase: Phase, batch: Batch) -> None:
        for network in (self.networks.generator, self.networks.discriminator):
            network.requires_grad_(network is phase.network)
        phase.optimizer.zero_grad(set_to_none=True)
        if self.part_size == self.schedule.batch:
            figures = self._propagate(phase, batch)
        else:
            parts = batch.split(self.part_size, self.processes.rank, self.processes.count)
            propagate = partial(self._propagate, phase)
            figures = accumulate(parts, propagate, phase.network, self._running(), self.processes)
        self.history.record(figures)
        self.scaler.step(phase.optimizer)
        self.scaler.update()

    def _propagate(self, phase: Phase, batch: Batch) -> dict[str, Tensor]:
        """Add the gradients of the phase's losses to its network; figures for the history."""
        found: dict[str, Tensor] = {}
        for loss, figures in phase.losses(batch):
            self.scaler.scale(loss).backward()
            found |= figures
        return found

    def _running(self) -> list[Tensor]:
        """What a forward pass changes: the networks' buffers, and what the losses remember."""
        networks = (self.networks.generator, self.networks.discriminator)
        buffers = [buffer for network in networks for buffer in network.buffers()]
        return [*buffers, *self.objective.running]

    def close_tick(self, state: Path) -> dict[str, float]:
        """Put the figures since the last tick into the history, unless the training went wrong."""
        self._require_finite(state)
        if self.plateau is not None:
            self.history.record({FIGURE: self.plateau.measure(self.networks.average, self.seen)})
        means = self.history.close_tick(self.steps, self.seen, self.seconds)
        require_variance(means, self.seen, state)
        require_contest(self.history, self.seen, state)
        return means

    def _require_finite(self, state: Path) -> None:
        self.history.require_finite(self.seen, state)
        networks = (self.networks.generator, self.networks.discriminator)
        require_finite_weights(networks, self.seen, state)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the training depends on, but the random states."""
        return {
            "steps": self.steps,
            "seconds": self.seconds,
            "networks": {name: net.state_dict() for name, net in vars(self.networks).items()},
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers()],
            "objective": self.objective.state_dict(),
            "scaler": self.scaler.state_dict(),
            "history": self.history.state_dict(),
            "plateau": None if self.plateau is None else self.plateau.state_dict(),
        }

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        """Optimisers of the phases; a regularising phase shares that of its main phase."""
        return list(dict.fromkeys(phase.optimizer for phase in self.objective.phases))

    def restore(self, folder: Path) -> None:
        """Take up the newest checkpoint in ``folder``, if there is one, alike in all processes."""
        state = load_checkpoint(folder, self.device)
        if state is not None:
            self._load(state)
        networks = vars(self.networks).values()
        self.processes.share(tensor for net in networks for tensor in net.state_dict().values())

    def _load(self, state: Mapping[str, Any]) -> None:
        self.steps, self.seconds = state["steps"], state["seconds"]
        for name, network in vars(self.networks).items():
            network.load_state_dict(state["networks"][name])
        for optimizer, saved in zip(self._optimizers(), state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.objective.load_state_dict(state["objective"])
        self.scaler.load_state_dict(state["scaler"])
        self.history.load_state_dict(state["history"])
        if self.plateau is not None:
            self.plateau.load_state_dict(state["plateau"])
