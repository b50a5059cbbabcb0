"""What a run cost: the timing line that every verb leaves at the end of its log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundsynth.cli import TIMING
from groundsynth.verbs import VERBS

TAIL_BYTES = 8192


@dataclass(frozen=True)
class Cost:
    """Jobs of one rule: how many, seconds of imports and of work, highest memory in MB."""

    stage: str
    rule: str
    jobs: int
    import_seconds: float
    work_seconds: float
    peak_mb: float

    @property
    def seconds(self) -> float:
        """Seconds of imports and work together."""
        return self.import_seconds + self.work_seconds

    @property
    def import_percent(self) -> float:
        """Percent of the seconds that went into imports."""
        return 100 * self.import_seconds / self.seconds if self.seconds else 0.0


def read_ledger(logs: Path) -> list[Cost]:
    """Costs of each rule, in the order of the verb table, from ``logs/<rule>/**.log``.

    A job counts with its last finished attempt; logs without a timing line (jobs that were cut
    off or have not ended) count nowhere.
    """
    rules: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for (rule, *_), record in timing_records(logs):
        rules.setdefault((rule, str(record.get("verb"))), []).append(record)
    order = list(VERBS)
    costs = [
        (order.index(verb) if verb in order else len(order), _cost(rule, verb, records))
        for (rule, verb), records in rules.items()
    ]
    return [cost for _, cost in sorted(costs, key=lambda pair: (pair[0], pair[1].rule))]


def total_of(costs: Sequence[Cost], stage: str = "total") -> Cost:
    """All costs together, under the name ``stage``."""
    return Cost(
        stage=stage,
        rule="",
        jobs=sum(cost.jobs for cost in costs),
        import_seconds=sum(cost.import_seconds for cost in costs),
        work_seconds=sum(cost.work_seconds for cost in costs),
        peak_mb=max((cost.peak_mb for cost in costs), default=0),
    )


def stage_totals(costs: Sequence[Cost]) -> list[Cost]:
    """Costs of each stage, in order."""
    stages = list(dict.fromkeys(cost.stage for cost in costs))
    return [total_of([c for c in costs if c.stage == stage], stage) for stage in stages]


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def timing_records(logs: Path) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """The place below ``logs`` (rule first, no ending) and the last timing record of each log."""
    for path in sorted(logs.rglob("*.log")):
        record = _last_timing(path)
        if record is not None:
            place = path.relative_to(logs)
            yield (*place.parts[:-1], place.name.removesuffix(".log")), record


def _last_timing(path: Path) -> dict[str, Any] | None:
    """The last timing record of a log; None where there is none."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - TAIL_BYTES))
        lines = stream.read().decode("utf-8", errors="replace").splitlines()
    timings = [line for line in lines if line.startswith(TIMING)]
    if not timings:
        return None
    try:
        record = json.loads(timings[-1].removeprefix(TIMING))
    except json.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


def _cost(rule: str, verb: str, records: Sequence[dict[str, Any]]) -> Cost:
    """Costs of one rule; its stage is the package that the verb lives in."""
    places = VERBS[verb].split(":")[0].split(".") if verb in VERBS else []
    return Cost(
        stage=places[1] if len(places) > 2 else "other",
        rule=rule,
        jobs=len(records),
        import_seconds=sum(float(r.get("import_seconds", 0)) for r in records),
        work_seconds=sum(float(r.get("work_seconds", 0)) for r in records),
        peak_mb=max(float(r.get("peak_mb", 0)) for r in records),
    )
