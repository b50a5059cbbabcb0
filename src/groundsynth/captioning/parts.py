"""Finished captions as immutable part files, from which a killed job goes on.

Each part is one small Parquet file of the captions schema, written whole or not at all. A part
is never changed; what is missing is found by id. At the end the parts are merged in the order
of the index, none twice and none lost.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from groundsynth.captioning.checks import Status
from groundsynth.errors import InputError, StateError
from groundsynth.tables import SCHEMAS, read_table, write_table

PATTERN = "[0-9]*.parquet"
BAD = ("error", "empty")
"""States of captions that are none."""
REASON = 120


@dataclass(frozen=True)
class Caption:
    """One caption: the cleaned text, the answer as it came, its status, tokens and seed."""

    caption: str
    raw: str
    status: Status
    tokens: int
    seed: int


class CaptionParts:
    """The parts of one captions table, in ``folder``.

    ``ids`` is the order of the index; ``constants`` are the columns that are the same in every
    row (population, captioner, prompt_version, model, revision, engine, engine_version).
    """

    def __init__(self, folder: Path, ids: Sequence[str], constants: Mapping[str, str]) -> None:
        self.folder, self.ids, self.constants = folder, list(ids), dict(constants)
        folder.mkdir(parents=True, exist_ok=True)
        known = set(self.ids)
        self.done: set[str] = set()
        for path in self._paths():
            found = _ids_of(path)
            if found is None or not known.issuperset(found) or self.done.intersection(found):
                print(f"{path} is not usable: its captions are made again.", file=sys.stderr)
                path.unlink()
            else:
                self.done.update(found)

    def missing(self) -> list[int]:
        """Rows of the index without a finished caption."""
        return [row for row, name in enumerate(self.ids) if name not in self.done]

    def bad_reasons(self) -> Counter[str]:
        """Captions that are an error or empty, counted by reason."""
        reasons: Counter[str] = Counter()
        for path in self._paths():
            table = read_table(path, "captions", ["status", "raw"])
            for status, raw in zip(*(table.column(n).to_pylist() for n in (0, 1)), strict=True):
                if status in BAD:
                    reasons[f"{status}: {raw[:REASON]}" if status == "error" else status] += 1
        return reasons

    def bad_rows(self) -> list[int]:
        """Rows of the index whose caption is an error or empty."""
        bad: set[str] = set()
        for path in self._paths():
            table = read_table(path, "captions", ["id", "status"])
            bad.update(table.filter(pc.is_in(table["status"], pa.array(BAD)))["id"].to_pylist())
        return [row for row, name in enumerate(self.ids) if name in bad]

    def forget(self, rows: Sequence[int]) -> None:
        """Miss the captions of some rows again; the others of their parts move to parts anew.

        What stays is written before its part goes: a kill between leaves both, and what stands
        twice is found when the parts are opened.
        """
        known = self.done.intersection(self.ids[row] for row in rows)
        if not known:
            return
        names = pa.array(sorted(known), pa.string())
        for path in self._paths():
            table = read_table(path, "captions")
            kept = table.filter(pc.invert(pc.is_in(table["id"], names)))
            if len(kept) == len(table):
                continue
            if len(kept):
                columns = {name: kept[name] for name in kept.column_names}
                write_table(self._next(), columns, "captions", {})
            path.unlink()
        self.done -= known

    def append(self, rows: Sequence[int], captions: Sequence[Caption]) -> None:
        """Write the captions of some rows as a new part."""
        names = [self.ids[row] for row in rows]
        columns: dict[str, Any] = {
            name: [value] * len(names) for name, value in self.constants.items()
        }
        columns["id"] = names
        for field in ("caption", "raw", "status", "tokens", "seed"):
            columns[field] = [getattr(caption, field) for caption in captions]
        write_table(self._next(), columns, "captions", {})
        self.done.update(names)

    def merge(self, output: Path, provenance: Mapping[str, Any]) -> None:
        """Write the whole table in the order of the index; StateError if a caption is missing."""
        if self.missing():
            raise StateError(
                f"{len(self.missing())} of {len(self.ids)} captions are missing in {self.folder}; "
                "run the captioning of this shard again."
            )
        schema = SCHEMAS["captions"]
        tables = [
            read_table(path, "captions").replace_schema_metadata(None) for path in self._paths()
        ]
        table = pa.concat_tables([schema.empty_table(), *tables], promote_options="permissive")
        place = {name: row for row, name in enumerate(table.column("id").to_pylist())}
        ordered = table.take(pa.array([place[name] for name in self.ids], pa.int64()))
        columns = {name: ordered.column(name) for name in schema.names}
        write_table(output, columns, "captions", provenance)

    def _next(self) -> Path:
        """Path of the next part."""
        last = max((int(path.stem) for path in self._paths()), default=-1)
        return self.folder / f"{last + 1:06d}.parquet"

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob(PATTERN))


def _ids_of(path: Path) -> list[str] | None:
    """Ids of a part; None when the file cannot be read."""
    try:
        names: list[str] = read_table(path, "captions").column("id").to_pylist()
    except InputError:
        return None
    return names
