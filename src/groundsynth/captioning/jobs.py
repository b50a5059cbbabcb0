"""One captions table: written part by part by any engine, resumable, merged at the end."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundsynth.captioning.parts import Caption, CaptionParts
from groundsynth.errors import InputError
from groundsynth.progress import Progress
from groundsynth.provenance import provenance
from groundsynth.run_state import RunState, open_state

SHOWN = 5

Captioner = Callable[[list[int]], Sequence[Caption]]
"""Captions of some rows of the index, in the order of the rows."""


@dataclass(frozen=True)
class CaptionJob:
    """What is written: the ids in order, the columns equal in all rows, state and output.

    ``parameters`` are all that change a caption; ``part_size`` captions make one part. More than
    ``max_bad_percent`` of errors and empty captions fail the job.
    """

    verb: str
    ids: list[str]
    constants: Mapping[str, str]
    parameters: Mapping[str, Any]
    inputs: Sequence[Path]
    part_size: int
    state: Path
    keep_state: bool
    output: Path
    max_bad_percent: float = 100.0


def write_captions(job: CaptionJob, load: Callable[[], Captioner]) -> None:
    """Write the captions that are missing, part by part, then the table in index order.

    ``load`` makes the captioner; it is not called when every part is there already. Raises
    Stopped, with the finished parts saved, when the job is asked to leave, and InputError, with
    all captions saved, when too many are bad: another start asks for the bad ones again, or takes
    them where the limit is higher by then.
    """
    with open_state(
        job.state,
        parameters=job.parameters,
        inputs=job.inputs,
        outputs=[job.output],
        keep=job.keep_state,
    ) as run:
        if run.finished_elsewhere:
            return
        parts = CaptionParts(run.folder / "parts", job.ids, job.constants)
        if rows := _rows_to_ask(job, parts):
            _write_rows(job, run, parts, rows, load())
        _refuse_bad(job, parts)
        parts.merge(job.output, provenance(job.verb, job.parameters, job.inputs))
        run.complete()


def image_seed(seed: int, name: str) -> int:
    """Seed of one image, 31 bits, from the run's seed and the image's id.

    Hashed, so that neighbouring images have seeds far apart and none depends on the shard.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def _rows_to_ask(job: CaptionJob, parts: CaptionParts) -> list[int]:
    """The rows without a caption, or else the bad ones where they are too many."""
    if rows := parts.missing():
        return rows
    bad = parts.bad_rows()
    return bad if _too_many(job, len(bad)) else []


def _too_many(job: CaptionJob, bad: int) -> bool:
    return 100 * bad > job.max_bad_percent * len(job.ids)


def _write_rows(
    job: CaptionJob, run: RunState, parts: CaptionParts, rows: list[int], captioner: Captioner
) -> None:
    total = len(job.ids)
    statuses: Counter[str] = Counter()
    with Progress("captioning", total, "captions", done=total - len(rows)) as progress:
        for start in range(0, len(rows), job.part_size):
            if run.should_stop():
                raise run.leave(f"caption {total - len(rows) + start} of {total}")
            batch = rows[start : start + job.part_size]
            captions = captioner(batch)
            parts.forget(batch)  # not before there are others: they may be the best to be had
            parts.append(batch, captions)
            statuses.update(caption.status for caption in captions)
            progress.advance(len(batch))
    listed = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
    print(f"captions: {listed}", file=sys.stderr)


def _refuse_bad(job: CaptionJob, parts: CaptionParts) -> None:
    """Raise InputError, with counts by reason, when too many captions are bad."""
    reasons = parts.bad_reasons()
    bad = sum(reasons.values())
    if not _too_many(job, bad):
        return
    listed = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(SHOWN))
    more = f"; {len(reasons) - SHOWN} other reasons" if len(reasons) > SHOWN else ""
    raise InputError(
        f"{bad} of {len(job.ids)} captions for {job.output} are bad ({listed}{more}), more than "
        f"captions.max_bad_percent {job.max_bad_percent:g}; mend the cause and start again, which "
        "asks for these alone, or raise the limit."
    )
