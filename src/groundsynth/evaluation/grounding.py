"""Grounding: does a caption say what the map of its image shows?

The classes that a caption names are compared with the class shares of the same image: named and
there (found), named and not there (invented), there and not named (missed). The verb
``score-grounding`` scores the captions of a shard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from groundsynth.composition.shares import read_composition
from groundsynth.errors import InputError
from groundsynth.evaluation.caption_claims import Claims, caption_claims
from groundsynth.evaluation.class_words import ClassWords
from groundsynth.evaluation.redundancy import NO_CAPTION
from groundsynth.landcover import Legend
from groundsynth.progress import Progress
from groundsynth.provenance import provenance
from groundsynth.tables import SCHEMAS, read_table, write_table

TIE = 0.5
"""Shares this near to each other, in percentage points, are equal: captions round."""
UNLABELLED_MOST = 100.0 - 1e-3


@dataclass(frozen=True)
class Grounding:
    """What a caption has right and wrong about its map; class indices, and shares of 1 or None.

    ``found``: named, and of any share above 0. ``invented``: affirmed, share 0. ``missed``: at
    least ``present_percent`` and neither affirmed nor called little. ``denied``: those of them
    that the caption says are absent. ``understated``: called little at more than
    ``minor_percent``. A class between 0 and ``present_percent`` may be named or not.
    ``percent_errors``: of each stated share, in points.
    """

    found: tuple[int, ...]
    invented: tuple[int, ...]
    missed: tuple[int, ...]
    denied: tuple[int, ...]
    understated: tuple[int, ...]
    precision: float | None
    recall: float | None
    dominant: int | None
    dominant_correct: bool | None
    order_agreement: float | None
    percent_errors: tuple[float, ...]


def ground(
    claims: Claims, shares: Sequence[float], present_percent: float, minor_percent: float
) -> Grounding:
    """Compare the claims of a caption with the class shares [K] (percent) of its image."""
    named = (*claims.present, *claims.minor)
    found = tuple(label for label in named if shares[label] > 0)
    invented = tuple(label for label in claims.present if shares[label] <= 0)
    there = [label for label, share in enumerate(shares) if share >= present_percent]
    missed = tuple(label for label in there if label not in named)
    dominant = claims.dominant
    return Grounding(
        found=found,
        invented=invented,
        missed=missed,
        denied=tuple(label for label in missed if label in claims.absent),
        understated=tuple(label for label in claims.minor if shares[label] > minor_percent),
        precision=len(found) / (len(found) + len(invented)) if found or invented else None,
        recall=1 - len(missed) / len(there) if there else None,
        dominant=dominant,
        dominant_correct=None if dominant is None else shares[dominant] >= max(shares) - TIE,
        order_agreement=order_agreement(claims, shares),
        percent_errors=tuple(stated.error(shares[stated.label]) for stated in claims.shares),
    )


def order_agreement(claims: Claims, shares: Sequence[float]) -> float | None:
    """Share of the pairs of named classes that stand in the order of their true shares.

    The claimed order is: the class called dominant, the others as first mentioned, those called
    little. Pairs of equal true shares do not count; None without a pair.
    """
    first = [] if claims.dominant is None else [claims.dominant]
    order = [*first, *(c for c in (*claims.present, *claims.minor) if c not in first)]
    pairs = [
        shares[a] > shares[b] for a, b in combinations(order, 2) if abs(shares[a] - shares[b]) > TIE
    ]
    return sum(pairs) / len(pairs) if pairs else None


def score_grounding(
    *,
    captions: list[Path],
    compositions: list[Path],
    legend: dict[str, Any],
    synonyms: dict[str, Any],
    present_percent: float,
    minor_percent: float,
    output: Path,
) -> None:
    """Write how well captions agree with the maps of their images, a row for each caption.

    Reads captions tables and the composition tables of their images. Captions that are empty or
    an error, and images without any label, have no scores (null). ``synonyms`` maps class names
    to words that name them, beside the names themselves.
    """
    classes = Legend.from_json(legend)
    words = ClassWords(classes.names, synonyms)
    shares = _shares_of(compositions, classes)
    schema = SCHEMAS["grounding"]
    parts = [schema.empty_table()]
    wanted = ["population", "id", "captioner", "caption", "status"]
    with Progress("grounding", len(captions), "files") as progress:
        for path in captions:
            rows = []
            for row in read_table(path, "captions", wanted).to_pylist():
                found = _look_up(shares, row, path)
                scored = None
                if found is not None and row["status"] not in NO_CAPTION:
                    claims = caption_claims(row["caption"], words)
                    scored = ground(claims, found, present_percent, minor_percent)
                rows.append(_row(row, scored, classes.names))
            parts.append(pa.Table.from_pylist(rows, schema=schema))
            progress.advance(1)
    parameters = {
        "legend": legend,
        "synonyms": synonyms,
        "present_percent": present_percent,
        "minor_percent": minor_percent,
    }
    table = pa.concat_tables(parts)
    record = provenance("score-grounding", parameters, [*captions, *compositions])
    write_table(output, {name: table[name] for name in schema.names}, "grounding", record)


def _shares_of(
    compositions: Sequence[Path], classes: Legend
) -> dict[tuple[str, str], np.ndarray | None]:
    """(population, id) -> class shares [K] in percent; None for a map without any label."""
    found: dict[tuple[str, str], np.ndarray | None] = {}
    for path in compositions:
        table = read_composition(path, classes)
        for row, key in enumerate(zip(table.populations, table.ids, strict=True)):
            labelled = table.unlabelled[row] < UNLABELLED_MOST
            found[key] = table.shares[row] if labelled else None
    return found


def _look_up(
    shares: dict[tuple[str, str], np.ndarray | None], row: dict[str, Any], path: Path
) -> list[float] | None:
    key = (row["population"], row["id"])
    if key not in shares:
        raise InputError(
            f"{path} holds a caption of {row['id']!r} of the population {row['population']}, "
            "which no composition given has; give the compositions of all captioned shards."
        )
    found = shares[key]
    return None if found is None else found.tolist()


def _row(row: dict[str, Any], scored: Grounding | None, names: Sequence[str]) -> dict[str, Any]:
    """A row of the grounding table, with class names in place of indices."""
    key = {name: row[name] for name in ("population", "id", "captioner")}
    if scored is None:
        return key
    lists = ("found", "invented", "missed", "denied", "understated")
    values = ("precision", "recall", "dominant_correct", "order_agreement")
    return {
        **key,
        **{name: [names[label] for label in getattr(scored, name)] for name in lists},
        **{name: getattr(scored, name) for name in values},
        "dominant": None if scored.dominant is None else names[scored.dominant],
        "percent_errors": list(scored.percent_errors),
    }
