"""Arrow schema of each Parquet table, checked when a table is written and when it is read.

Every table carries its provenance as JSON in the schema's metadata. Reading needs pyarrow only;
the geometry column of the patch index is WKB with GeoParquet metadata, so that geopandas opens
the file as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from groundsynth.errors import InputError
from groundsynth.files import atomic
from groundsynth.landcover import Legend

TEXT, REAL, WHOLE = pa.string(), pa.float64(), pa.int64()


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns.items()])


SCHEMAS: dict[str, pa.Schema] = {
    "real_index": _schema(
        patch_id=TEXT,
        tile=TEXT,
        row=pa.int32(),
        column=pa.int32(),
        split=TEXT,
        crs=TEXT,
        transform=pa.list_(REAL, 6),
        geometry=pa.binary(),
        year=pa.int32(),
        scaling=TEXT,
    ),
    "synthetic_index": _schema(
        sample_id=TEXT,
        population=TEXT,
        seed=WHOLE,
        condition_patch_id=TEXT,
        model_digest=TEXT,
    ),
    "confidence": _schema(population=TEXT, id=TEXT, confidence=pa.float32()),
    "confusion": _schema(
        architecture=TEXT,
        mix=TEXT,
        seed=WHOLE,
        patch_id=TEXT,
        counts=pa.list_(pa.int32()),
    ),
    "quality": _schema(
        architecture=TEXT,
        mix=TEXT,
        seed=WHOLE,
        patch_id=TEXT,
        boundaries=pa.list_(pa.int32()),
        calibration=pa.list_(REAL),
    ),
    "significance": _schema(
        table=TEXT,
        score=TEXT,
        mix=TEXT,
        baseline=TEXT,
        architecture=TEXT,
        synthetic_samples=TEXT,
        seeds=WHOLE,
        unit=TEXT,
        units=WHOLE,
        gain=REAL,
        gain_low=REAL,
        gain_high=REAL,
        p=REAL,
        p_corrected=REAL,
        mark=TEXT,
    ),
    "captions": _schema(
        population=TEXT,
        id=TEXT,
        captioner=TEXT,
        caption=TEXT,
        raw=TEXT,
        status=TEXT,
        tokens=pa.int32(),
        prompt_version=TEXT,
        seed=WHOLE,
        model=TEXT,
        revision=TEXT,
        engine=TEXT,
        engine_version=TEXT,
    ),
    "caption_scores": _schema(
        population=TEXT,
        id=TEXT,
        captioner=TEXT,
        cosine=pa.float32(),
        clipscore=pa.float32(),
        truncated=pa.bool_(),
    ),
    "grounding": _schema(
        population=TEXT,
        id=TEXT,
        captioner=TEXT,
        found=pa.list_(TEXT),
        invented=pa.list_(TEXT),
        missed=pa.list_(TEXT),
        denied=pa.list_(TEXT),
        understated=pa.list_(TEXT),
        precision=REAL,
        recall=REAL,
        dominant=TEXT,
        dominant_correct=pa.bool_(),
        order_agreement=REAL,
        percent_errors=pa.list_(REAL),
    ),
    "selection": _schema(population=TEXT, id=TEXT, kept=pa.bool_(), reason=TEXT),
    "features": _schema(population=TEXT, id=TEXT, model=TEXT, vector=pa.list_(pa.float32())),
    "coordinates": _schema(population=TEXT, id=TEXT, method=TEXT, x=REAL, y=REAL, parameters=TEXT),
    "leak_audit": _schema(
        population=TEXT,
        id=TEXT,
        nearest_patch_id=TEXT,
        distance=pa.float32(),
        near_duplicate=pa.bool_(),
    ),
    "neighbours": _schema(
        population=TEXT,
        id=TEXT,
        nearer_percent=REAL,
        rank=pa.int32(),
        patch_id=TEXT,
        distance=pa.float32(),
    ),
    "history": _schema(step=WHOLE, images=WHOLE, seconds=REAL, name=TEXT, value=REAL),
}


def composition_schema(legend: Legend) -> pa.Schema:
    """Schema of the composition table: one ``share_<class>`` column (percent) for each class."""
    shares = {f"share_{name}": pa.float32() for name in legend.names}
    return _schema(
        population=TEXT,
        id=TEXT,
        mask_source=TEXT,
        **shares,
        unlabelled_share=pa.float32(),
    )


def write_table(
    path: Path,
    columns: Mapping[str, Sequence[Any] | pa.Array],
    schema: str | pa.Schema,
    provenance: Mapping[str, Any],
) -> None:
    """Write ``columns`` as a Parquet table (zstd), atomically.

    ``schema`` is a name in SCHEMAS, or an Arrow schema. A missing or surplus column, or a value
    that does not fit, is a ValueError: it is a defect of the caller.
    """
    expected = SCHEMAS[schema] if isinstance(schema, str) else schema
    if set(columns) != set(expected.names):
        raise ValueError(f"columns {sorted(columns)} are not those of {path}: {expected.names}")
    arrays = [_array(columns[field.name], field.type) for field in expected]
    record = json.dumps(dict(provenance), ensure_ascii=False)
    metadata = {b"groundsynth": record.encode(), **(expected.metadata or {})}
    table = pa.Table.from_arrays(arrays, schema=expected.with_metadata(metadata))
    with atomic(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _array(values: Sequence[Any] | pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.cast(kind)
    return pa.array(values, kind)


def read_table(
    path: Path, schema: str | pa.Schema, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read a Parquet table, or some of its columns, and check it against ``schema``.

    Other columns, other metadata and other widths of the same kind of value (as other libraries
    write them) are allowed; what is returned has the columns asked for, in that order, with the
    types of the schema. Raises InputError that names the file and the first column that is
    missing or of another type, or says that the file is missing or broken.
    """
    wanted = _schema_of(schema, columns)
    with _opened(path) as file:
        found = file.schema_arrow
        for field in wanted:
            _check_column(path, found, field)
        table = file.read(columns=wanted.names)
        arrays = [_plain(table[field.name]).cast(field.type) for field in wanted]
    return pa.Table.from_arrays(arrays, schema=wanted.with_metadata(found.metadata))


def _schema_of(schema: str | pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    """The schema called ``schema``, or given, reduced to ``columns``."""
    expected = SCHEMAS[schema] if isinstance(schema, str) else schema
    if columns is None:
        return expected
    return pa.schema([expected.field(name) for name in columns])


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """A Parquet file for reading; what is wrong with it becomes an InputError."""
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except FileNotFoundError:
        raise InputError(f"{path} is missing; run the stage that writes it.") from None
    except (pa.ArrowInvalid, OSError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"{path} is truncated or no Parquet file ({first}); delete it and run its stage again."
        ) from None


def _check_column(path: Path, found: pa.Schema, field: pa.Field) -> None:
    if field.name not in found.names:
        raise InputError(
            f"{path} has no column {field.name!r}; it was written by another version or is "
            "another table: delete it and run its stage again."
        )
    actual = found.field(field.name).type
    if _kind(actual) != _kind(field.type):
        raise InputError(
            f"{path} has the column {field.name!r} as {actual} instead of {field.type}; delete "
            "it and run its stage again."
        )


def _kind(type_: pa.DataType) -> str:
    """Kind of a type's values, whatever their width and layout: text, bytes, whole, real, ..."""
    if isinstance(type_, pa.ExtensionType):
        return _kind(type_.storage_type)
    if pa.types.is_dictionary(type_):
        return _kind(type_.value_type)
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return f"list of {_kind(type_.value_type)}"
    if pa.types.is_fixed_size_list(type_):
        return f"list of {_kind(type_.value_type)}"
    tests = {
        "text": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
        "bytes": (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view),
        "whole": (pa.types.is_integer,),
        "real": (pa.types.is_floating,),
    }
    for kind, members in tests.items():
        if any(member(type_) for member in members):
            return kind
    return str(type_)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column without an extension type (such as a geometry's) around its values."""
    if not isinstance(column.type, pa.ExtensionType):
        return column
    chunks = [chunk.storage for chunk in column.chunks]
    return pa.chunked_array(chunks, column.type.storage_type)


def read_tables(
    paths: Sequence[Path], schema: str | pa.Schema, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read several files of one kind and put them one after another, in the given order."""
    tables = [read_table(path, schema, columns).replace_schema_metadata(None) for path in paths]
    if not tables:
        return _schema_of(schema, columns).remove_metadata().empty_table()
    return pa.concat_tables(tables)


def read_provenance(path: Path) -> dict[str, Any]:
    """The provenance record of a table; an empty one where the file carries none."""
    with _opened(path) as file:
        metadata = file.schema_arrow.metadata or {}
    record: dict[str, Any] = json.loads(metadata.get(b"groundsynth", b"{}"))
    return record
