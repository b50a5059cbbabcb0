"""How long a planned run will take, by the rates that a finished run measured.

Each rule's seconds grow in proportion to its work (``workload``); what a job costs at its start
(imports) counts once a job. Where the pilot has no job of a kind, or ran it under settings that
change its speed (``time_conditions``), nothing is said of it: no rate is guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from groundsynth.figures.ledger import duration as spoken
from groundsynth.pilot import Pilot
from groundsynth.time_conditions import differences
from groundsynth.workload import IN_SLOTS, Key, Run, Work, gpus_of, work_of

NETWORK = "fetch_"
FAR = 100
"""How many times the pilot's work makes a rate uncertain."""
ASSUMPTIONS = (
    "As the pilot went: the same devices, cores a job and precision. Time grows in proportion to "
    "the work; what a job of the pilot cost once counts with it, so that tiny pilots overestimate. "
    "Trainings count in full length, though they may stop early; other jobs that were killed and "
    "resumed in the pilot count there with their last attempt. Downloads, waiting in a queue and "
    "the start of processes are left out."
)


@dataclass(frozen=True)
class Duration:
    """Expected seconds of one rule and kind; None with the reason where they cannot be known."""

    key: Key
    work: Work
    rate: float | None
    seconds: float | None
    gpus: int
    reason: str = ""
    far: bool = False
    """Whether the work is more than FAR times the pilot's."""

    @property
    def name(self) -> str:
        """Rule and kind as they are printed."""
        return " ".join(self.key).strip()


def durations(run: Run, jobs: Counter[str], pilot: Pilot) -> list[Duration]:
    """The expected seconds of everything in a plan; ``jobs``: number of jobs of each rule."""
    return [_duration(key, work, run, pilot) for key, work in planned_work(run, jobs).items()]


def planned_work(run: Run, jobs: Counter[str]) -> dict[Key, Work]:
    """The work of a plan; a rule whose time is proportional to nothing counts by its jobs."""
    work = work_of(run)
    known = {rule for rule, _ in work}
    for rule, count in jobs.items():
        if rule not in known | set(IN_SLOTS) and not rule.startswith(NETWORK):
            work[rule, ""] = Work("jobs", count, count)
    return work


def _duration(key: Key, work: Work, run: Run, pilot: Pilot) -> Duration:
    gpus = gpus_of(key[0], run.config)
    spent, done = pilot.spent.get(key), pilot.work.get(key)
    if spent is None:
        return Duration(key, work, None, None, gpus, "no such job in the pilot")
    amount = spent.jobs if work.unit == "jobs" else done.amount if done else 0  # deleted meanwhile
    changed = differences(*key, run.config, pilot.config)
    if changed or not amount:
        reason = f"the pilot has {'; '.join(changed)}" if changed else "the pilot did none of it"
        return Duration(key, work, None, None, gpus, reason)
    imports = spent.imports / spent.jobs * work.jobs
    return Duration(
        key,
        work,
        amount / spent.work if spent.work else None,
        work.amount * spent.work / amount + imports,
        gpus,
        far=work.amount > FAR * amount,
    )


def time_report(found: Sequence[Duration], pilot: Pilot) -> str:
    """The expected running time as a table, with what is not known and what is assumed."""
    known = [(d, d.seconds) for d in found if d.seconds is not None]
    lines = [f"{'job':<40}{'jobs':>6}{'work':>26}{'a second':>11}{'takes':>11}"]
    for duration, seconds in sorted(known, key=lambda pair: -pair[1]):
        rate = f"{duration.rate:,.2f}" if duration.rate else "—"
        amount = f"{duration.work.amount:,.0f} {duration.work.unit}"
        head = f"{duration.name:<40}{duration.work.jobs:>6,}{amount:>26}"
        lines.append(f"{head}{rate:>11}{spoken(seconds):>11}{' *' * duration.far}")
    total = spoken(sum(seconds for _, seconds in known))
    devices = spoken(sum(seconds * duration.gpus for duration, seconds in known))
    unknown = [duration for duration in found if duration.seconds is None]
    more = "at least " if unknown else ""
    lines.append(
        f"One job after the other: {more}{total}; in jobs that ask for a GPU {more}{devices}, "
        "counted once for each GPU."
    )
    if any(duration.far for duration, _ in known):
        lines.append(f"* more than {FAR} times the pilot's work: an order of magnitude at best.")
    if unknown:
        lines += ["", "Not known, and not in these sums:"]
        lines += [f"  {duration.name}: {duration.reason}" for duration in unknown]
    places = sorted({device for spent in pilot.spent.values() for device in spent.devices})
    return "\n".join([*lines, "", f"Measured on {', '.join(places)}. {ASSUMPTIONS}"])
