"""Captions from files of other makes: CSV, Parquet, JSON and plain lines, row by row."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from groundsynth.errors import InputError
from groundsynth.evaluation.caption_json import read_json_captions

SEPARATORS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
PLAIN = (".txt", ".lines", "")
BATCH = 65_536
LONGEST = 1 << 24

Row = tuple[str | None, ...]


def read_columns(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The text of some columns, row by row; the format is told by the file's suffix.

    ``.csv``, ``.tsv``, ``.parquet``, ``.jsonl``/``.ndjson``, ``.json`` (lines, or a layout of
    ``caption_json``), and ``.txt``: one caption a line, empty lines left out, where the one
    column may have any name. None stands for a null. Raises
    InputError, naming file and column, for what cannot be read.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in SEPARATORS:
            yield from _delimited(path, columns, SEPARATORS[suffix])
        elif suffix == ".parquet":
            yield from _parquet(path, columns)
        elif suffix in JSON_LINES:
            yield from _json_lines(path, columns)
        elif suffix == ".json":
            yield from _json(path, columns)
        elif suffix in PLAIN:
            yield from _plain(path, columns)
        else:
            raise InputError(
                f"{path} has the unknown suffix {suffix!r}; give captions as .csv, .tsv, "
                ".parquet, .json, .jsonl or .txt."
            )
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path.") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text (byte {error.start}); convert it to UTF-8."
        ) from None


def _delimited(path: Path, columns: Sequence[str], separator: str) -> Iterator[Row]:
    csv.field_size_limit(LONGEST)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=separator)
        try:
            header = next(reader, None)
            if header is None:
                return
            places = [_place(path, header, column) for column in columns]
            for row in reader:
                if not row:
                    continue
                if len(row) <= max(places):
                    raise InputError(
                        f"{path} has too few fields in line {reader.line_num}; quote fields that "
                        "hold separators or line breaks."
                    )
                yield tuple(row[place] for place in places)
        except csv.Error as error:
            raise InputError(
                f"{path} is no valid table at line {reader.line_num} ({error}); write it again."
            ) from None


def _parquet(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            for column in columns:
                kind = file.schema_arrow.field(_place(path, names, column)).type
                _require_text(path, column, kind)
            for batch in file.iter_batches(BATCH, columns=list(columns)):
                found = [batch.column(column).to_pylist() for column in columns]
                yield from zip(*found, strict=True)
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        first = str(error).splitlines()[0]
        raise InputError(f"{path} is truncated or no Parquet file ({first}).") from None


def _require_text(path: Path, column: str, kind: pa.DataType) -> None:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(value) or pa.types.is_large_string(value)):
        raise InputError(f"{path} holds {kind} in the column {column!r}; name a column of text.")


def _json(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    rows = read_json_captions(path, columns)
    yield from _json_lines(path, columns) if rows is None else rows


def _json_lines(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                record = None
            if not isinstance(record, dict):
                raise InputError(f"{path} holds no JSON object in line {number}; write one a line.")
            yield tuple(_member(path, number, record, column) for column in columns)


def _member(path: Path, number: int, record: dict[str, object], column: str) -> str | None:
    if column not in record:
        raise InputError(
            f"{path} has no member {column!r} in line {number}; it has {', '.join(record)}."
        )
    value = record[column]
    if value is not None and not isinstance(value, str):
        raise InputError(
            f"{path} holds no text in {column!r} of line {number}; name a text column."
        )
    return value


def _plain(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    if len(columns) > 1:
        raise InputError(f"{path} holds plain lines, which have no column {columns[1]!r}.")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for line in stream:
            text = line.rstrip("\r\n")
            if text:
                yield (text,)


def _place(path: Path, names: Sequence[str], column: str) -> int:
    if column not in names:
        raise InputError(f"{path} has no column {column!r}; its columns are {', '.join(names)}.")
    return list(names).index(column)
