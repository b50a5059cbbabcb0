"""A published split: which split each patch belongs to, as listed in a table of file names.

The published ``captions.csv`` of ARAS400k has a row for each image, with the columns ``filename``
(``N40E033_041_023.png``: the patch's id) and ``split`` (``train``, ``val``, ``test``, and
``synth`` for images that are no patches), and captions of several lines in others. Any CSV file
with these two columns will do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from groundsynth.errors import InputError

FILE_NAME, SPLIT = "filename", "split"
NAMES = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
"""Splits by the names that files may call them."""
NO_PATCH = "synth"
ENDING = re.compile(r"\.(png|jpe?g|tiff?|webp|npy)$", re.IGNORECASE)
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_split_file(path: Path) -> dict[str, str]:
    """The split (train, validation, test) of each patch id that the file lists.

    A file name is a patch's id, with or without folder and ending. Raises InputError for columns
    that are missing, another encoding, unknown splits and patches that stand twice.
    """
    found: dict[str, str] = {}
    for name, split in _rows(path):
        if split == NO_PATCH:
            continue
        patch_id = ENDING.sub("", (name or "").rpartition("/")[2])
        if not patch_id:
            raise InputError(f"{path} has a row without {FILE_NAME}; fill or remove it.")
        if split not in NAMES:
            raise InputError(
                f"{path} gives {name} the split {split!r}, which is none of {', '.join(NAMES)} "
                f"and {NO_PATCH}; correct it."
            )
        if patch_id in found:
            raise InputError(f"{path} lists the patch {patch_id} more than once; keep one row.")
        found[patch_id] = NAMES[split]
    if not found:
        raise InputError(f"{path} lists no patch; give the file that lists them with their split.")
    return found


def comparison(path: Path, listed: Mapping[str, str], cut: Collection[str]) -> str:
    """One sentence: how many of the patches that a split file lists were cut.

    ``listed``: split by patch id; ``cut``: ids of the patches that were kept. Raises InputError
    when not one was cut.
    """
    missing = Counter(split for patch_id, split in listed.items() if patch_id not in cut)
    total = sum(missing.values())
    if total == len(listed):
        raise InputError(
            f"None of the {total:,} patches that {path} lists was cut (the first is "
            f"{next(iter(listed))}); give the split file of this area, and the size and stride of "
            "its patches."
        )
    if not total:
        return f"All {len(listed):,} patches that {path} lists were cut."
    each = ", ".join(f"{name} {missing[name]:,}" for name in dict.fromkeys(NAMES.values()))
    return f"{total:,} of the {len(listed):,} patches that {path} lists were not cut ({each})."


def _rows(path: Path) -> Iterator[tuple[str | None, str]]:
    """(file name, split) of each row; the other columns are not even decoded."""
    try:
        with path.open("rb") as stream:
            if stream.read(2) in UTF_16:
                raise InputError(f"{path} is encoded in UTF-16; save it as CSV in UTF-8.")
        yield from _parsed(path)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; correct the path in splits.file.") from None
    except KeyError:
        raise InputError(
            f"{path} lacks the column {FILE_NAME} or {SPLIT}; give a CSV file in UTF-8 with commas "
            "between its columns and their names in the first row."
        ) from None
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(
            f"{path} cannot be read as CSV in UTF-8 ({reason}); save it anew in that form."
        ) from None


def _parsed(path: Path) -> Iterator[tuple[str | None, str]]:
    columns = [FILE_NAME, SPLIT]
    text = pa.string()
    with csv.open_csv(
        path,
        csv.ReadOptions(use_threads=False),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types=dict.fromkeys(columns, text),
            include_columns=columns,
            strings_can_be_null=False,
        ),
    ) as batches:
        for batch in batches:
            names, splits = (batch.column(name).to_pylist() for name in columns)
            yield from zip(names, splits, strict=True)
