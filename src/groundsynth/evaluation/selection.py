"""Grounded selection: which synthetic samples are kept, and why the others are not.

Each criterion that is switched on is asked in a fixed order, and a sample leaves by the first one
that it fails. The verb ``select-samples`` selects among the samples of one population.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from groundsynth.composition.ids import read_ids
from groundsynth.errors import InputError
from groundsynth.evaluation.selection_criteria import (
    Criterion,
    SelectionOptions,
    Thresholds,
    captions_of,
    criteria_of,
)
from groundsynth.provenance import provenance
from groundsynth.tables import write_table
from groundsynth.verb_options import takes_options

REPEATED, UNCAPTIONED = "repeated_caption", "no_caption"


def first_reasons(
    ids: Collection[str], criteria: Sequence[Criterion], captions: Mapping[str, str] | None = None
) -> dict[str, str | None]:
    """Sample id -> the first criterion that it fails, by name; None where it is kept.

    Ids come back in order. With ``captions``, of the samples that pass everything else and have
    the same caption (exact text) only the first by id is kept.
    """
    found: dict[str, str | None] = {}
    seen: set[str] = set()
    for name in sorted(ids, key=lambda text: (len(text), text)):
        reasons = (criterion.reason(name) for criterion in criteria)
        reason = next((text for text in reasons if text), None)
        if reason is None and captions is not None:
            caption = captions.get(name)
            reason = UNCAPTIONED if caption is None else REPEATED if caption in seen else None
            seen |= set() if caption is None else {caption}
        found[name] = reason
    return found


@takes_options(SelectionOptions)
def select_samples(options: SelectionOptions) -> None:
    """Write which samples of a population are kept, and of each other the reason.

    Reads their indices, and the tables of the criteria that are switched on (the others may be
    left out); writes a row for each sample in the order of the ids: kept or not, and by which
    criterion it left, or ``no_<score>`` where the score that it asks for is missing.
    """
    ids = [name for path in options.indices for name in read_ids(path, options.population)]
    if len(set(ids)) != len(ids):
        raise InputError(
            f"The indices of the population {options.population} hold a sample twice; delete them "
            "and run the stage that writes them again."
        )
    reasons = first_reasons(ids, list(criteria_of(options)), captions_of(options))
    columns: dict[str, Any] = {
        "population": [options.population] * len(reasons),
        "id": list(reasons),
        "kept": [reason is None for reason in reasons.values()],
        "reason": list(reasons.values()),
    }
    names = [field.name for field in dataclasses.fields(Thresholds)]
    parameters = {name: getattr(options, name) for name in names}
    record = provenance("select-samples", parameters, options.tables)
    write_table(options.output, columns, "selection", record)
