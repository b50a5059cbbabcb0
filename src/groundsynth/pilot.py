"""What a finished run measured: its configuration, its work, and the seconds of each rule."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from groundsynth.errors import InputError
from groundsynth.figures.ledger import timing_records
from groundsynth.files import read_json
from groundsynth.tables import read_table
from groundsynth.workload import IN_SLOTS, PLACES, TRAININGS, Key, Run, Work, kind_of, work_of

CONFIGURATION = Path("results", "report", "configuration.json")
NOT_RECORDED = "a device that was not recorded"


@dataclass
class Spent:
    """Seconds of the finished jobs of one rule and kind, and where they ran."""

    work: float = 0.0
    imports: float = 0.0
    jobs: int = 0
    devices: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Pilot:
    """A finished run: its configuration, and work and seconds of its rules by kind."""

    config: Mapping[str, Any]
    work: Mapping[Key, Work]
    spent: Mapping[Key, Spent]


def read_pilot(folder: Path) -> Pilot:
    """Read a run's folder; InputError where the run has not come to its report.

    Trainings count with the images and seconds of their history, over all attempts; other jobs
    with the seconds of their last attempt, which stand at the end of the log.
    """
    if not (folder / CONFIGURATION).exists():
        raise InputError(
            f"{folder} holds no {CONFIGURATION}, which a run writes with its report; name the "
            "folder of a finished run."
        )
    config: dict[str, Any] = read_json(folder / CONFIGURATION)
    results = folder / "results"
    names = [str(path.relative_to(folder)) for path in results.rglob("*") if path.is_file()]
    work, spent = work_of(Run(names, _rows(results), config)), _spent(folder)
    for key, (images, seconds) in _trained(folder, names).items():
        if key in work and key in spent:
            work[key].amount = images  # it may have ended before its configured length
            spent[key].work = max(spent[key].work, seconds)
    return Pilot(config, work, spent)


def _rows(results: Path) -> dict[tuple[str, str], float]:
    """Images of each shard by its index."""
    places = [("real", path) for path in (results / "patches" / "real").glob("*.index.parquet")]
    for path in (results / "synthesis").glob("*/*.index.parquet"):
        places.append((path.parent.name, path))
    return {
        (population, path.name.removesuffix(".index.parquet")): float(
            pq.read_metadata(path).num_rows
        )
        for population, path in places
    }


def _spent(folder: Path) -> dict[Key, Spent]:
    found: dict[Key, Spent] = defaultdict(Spent)
    for (rule, *folders), record in timing_records(folder / "logs"):
        whole = IN_SLOTS.get(rule, rule)
        own = found[whole, kind_of(whole, folders)]
        own.work += float(record.get("work_seconds", 0))
        own.imports += float(record.get("import_seconds", 0))
        own.jobs += 1
        own.devices.add(str(record.get("device") or NOT_RECORDED))
    return dict(found)


def _trained(folder: Path, names: list[str]) -> dict[Key, tuple[float, float]]:
    """Images and seconds of all trainings of a rule and kind, as their histories have them."""
    found: dict[Key, tuple[float, float]] = {}
    for rule in TRAININGS:
        pattern = re.compile(f"results/{PLACES[rule][0]}")
        for match in filter(None, map(pattern.fullmatch, names)):
            table = read_table(folder / match[0], "history", ["images", "seconds"])
            images, seconds = (max(column.to_pylist()) for column in table.columns)
            key = (rule, match.groupdict().get("kind", ""))
            before = found.get(key, (0.0, 0.0))
            found[key] = (before[0] + images, before[1] + seconds)
    return found
