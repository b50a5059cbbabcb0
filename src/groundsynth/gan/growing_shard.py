"""A shard of samples in the making: a memory-mapped file from which a killed job goes on.

The file lies in the job's state folder and becomes the declared output by a rename. Beside it
stands how many of its rows are finished; rows are written in order, batch by batch.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from groundsynth.errors import InputError
from groundsynth.files import atomic, flush_to_disk, read_json, write_json, writing
from groundsynth.progress import Progress
from groundsynth.run_state import RunState, open_state
from groundsynth.shards import new_array, open_array

SAVE_SECONDS = 10.0
"""Work that a kill may cost at most, besides the batch under way."""

Synthesise = Callable[[np.ndarray], np.ndarray]
"""Images uint8 [B, R, R, 3] of the samples with these numbers (0 is the shard's first)."""


@dataclass(frozen=True)
class ShardJob:
    """What is made: images of ``shape`` (N, R, R, 3), in batches of ``batch``.

    ``parameters`` and ``inputs`` are all that the pixels depend on; ``others`` are the declared
    outputs besides ``images``.
    """

    shape: tuple[int, int, int, int]
    batch: int
    parameters: Mapping[str, Any]
    inputs: Sequence[Path]
    state: Path
    keep_state: bool
    images: Path
    others: Sequence[Path]


def write_shard(job: ShardJob, synthesise: Synthesise, write_others: Callable[[], None]) -> None:
    """Make the images that are missing, then the other outputs, then put the images in place.

    Raises Stopped, with the finished images saved, when the job is asked to leave.
    """
    with open_state(
        job.state,
        parameters={**job.parameters, "shape": job.shape, "batch": job.batch},
        inputs=job.inputs,
        outputs=[job.images, *job.others],
        keep=job.keep_state,
    ) as run:
        if run.finished_elsewhere:
            return
        shard = GrowingShard(run.folder, job.shape)
        _fill(shard, run, job.batch, synthesise)
        write_others()  # before the images: a kill in between costs a second, not the images
        shard.move_to(job.images)
        run.complete()


def _fill(shard: GrowingShard, run: RunState, batch: int, synthesise: Synthesise) -> None:
    """Make the rows that are missing; every batch has ``batch`` samples.

    A short last batch is filled up with its first sample, because the sums of a convolution
    may be ordered by the size of the batch.
    """
    count = len(shard.array)
    with Progress("sampling", count, "img", done=shard.done) as progress:
        while shard.done < count:
            if run.should_stop():
                shard.save()
                raise run.leave(f"sample {shard.done:,} of {count:,}")
            rows = np.arange(shard.done, min(shard.done + batch, count))
            filled = np.concatenate([rows, np.repeat(rows[:1], batch - len(rows))])
            shard.append(synthesise(filled)[: len(rows)])
            progress.advance(len(rows))


class GrowingShard:
    """The array of ``shape`` in ``folder``; ``done`` of its rows are finished."""

    def __init__(self, folder: Path, shape: tuple[int, ...]) -> None:
        self.path, self.count = folder / "images.npy", folder / "finished.json"
        self.done = self._finished(shape)
        if not self.done:
            self.count.unlink(missing_ok=True)  # an older count must not outlive its rows
            with new_array(self.path, shape):
                pass  # zeros, and their space on the disk
        self.array = open_memmap(self.path, mode="r+")
        self.saved = time.monotonic()

    def _finished(self, shape: tuple[int, ...]) -> int:
        """Finished rows of an earlier attempt; 0 where there is none, or its file is damaged."""
        if not (self.path.exists() and self.count.exists()):
            return 0
        try:
            whole = open_array(self.path).shape == shape
            return int(read_json(self.count)) if whole else 0
        except InputError:
            return 0

    def append(self, rows: np.ndarray) -> None:
        """Write the next rows; they count as finished from the next save on."""
        self.array[self.done : self.done + len(rows)] = rows
        self.done += len(rows)
        if time.monotonic() - self.saved >= SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Wait until the rows are on the disk, then count them."""
        self.array.flush()
        write_json(self.count, self.done)
        self.saved = time.monotonic()

    def move_to(self, output: Path) -> None:
        """Rename the file to ``output``; copy it where the state lies on another file system."""
        self.save()
        flush_to_disk(self.path)
        os.utime(self.path)  # rows drawn before the inputs' time would make the output outdated
        with writing(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            try:
                self.path.replace(output)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                with atomic(output) as temporary:
                    shutil.copyfile(self.path, temporary)
