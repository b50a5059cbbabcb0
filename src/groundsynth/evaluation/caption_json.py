"""Captions from JSON files in the layouts of published caption sets.

RSICD, UCM and Sydney: ``{"images": [{"filename", "split", "sentences": [{"raw"}, ...]}, ...]}``
(Karpathy's layout). NWPU: ``{category: [{"filename", "split", "raw", "raw_1", ...}, ...]}``. Also a
plain list of objects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from groundsynth.errors import InputError

Row = tuple[str | None, ...]
Record = Mapping[str, Any]
LAYOUTS = (
    'an object with "images", each with its "sentences" (RSICD, UCM), an object of categories, '
    'each a list of images with "raw", "raw_1", ... (NWPU), a list of objects, or one object a line'
)


def read_json_captions(path: Path, columns: Sequence[str]) -> Iterator[Row] | None:
    """Rows of a file that is one JSON value; None when it is not (it may hold one a line).

    A row is a sentence; a column is a member of the sentence or else of its image (``filename``,
    ``split``; in NWPU's layout also ``category``). Raises InputError for another layout and for
    a column that a sentence has not.
    """
    try:
        value = json.loads(path.read_text("utf-8-sig"))
    except json.JSONDecodeError:
        return None
    if isinstance(value, dict) and columns[0] in value and not isinstance(value[columns[0]], list):
        return None  # one line of JSON lines
    return _rows(path, value, columns)


def _rows(path: Path, value: Any, columns: Sequence[str]) -> Iterator[Row]:
    for place, record in _records(path, value):
        yield tuple(_text(path, place, record, column) for column in columns)


def _records(path: Path, value: Any) -> Iterator[tuple[str, Record]]:
    """Each sentence with the members of its image, and where it stands."""
    if isinstance(value, list):
        for number, record in enumerate(value):
            yield f"[{number}]", _object(path, f"[{number}]", record)
    elif isinstance(value, dict) and isinstance(value.get("images"), list):
        yield from _karpathy(path, value["images"])
    elif isinstance(value, dict) and value and all(isinstance(v, list) for v in value.values()):
        yield from _nwpu(path, value)
    else:
        raise InputError(f"{path} has a layout that is not known; give {LAYOUTS}.")


def _karpathy(path: Path, images: list[Any]) -> Iterator[tuple[str, Record]]:
    for number, entry in enumerate(images):
        place = f"images[{number}]"
        image = _object(path, place, entry)
        sentences = image.get("sentences")
        if not isinstance(sentences, list):
            raise InputError(f"{path} has no list of sentences in {place}; give {LAYOUTS}.")
        for which, sentence in enumerate(sentences):
            inner = f"{place}.sentences[{which}]"
            yield inner, {**image, **_object(path, inner, sentence)}


def _nwpu(path: Path, categories: dict[str, list[Any]]) -> Iterator[tuple[str, Record]]:
    for category, images in categories.items():
        for number, entry in enumerate(images):
            place = f"{category}[{number}]"
            image = _object(path, place, entry)
            if "raw" not in image:
                raise InputError(f"{path} has no member 'raw' in {place}; give {LAYOUTS}.")
            for name in image:
                if name == "raw" or (name.startswith("raw_") and name[4:].isdecimal()):
                    yield place, {**image, "category": category, "raw": image[name]}


def _object(path: Path, place: str, value: Any) -> Record:
    if not isinstance(value, dict):
        raise InputError(f"{path} holds no JSON object in {place}; give {LAYOUTS}.")
    return value


def _text(path: Path, place: str, record: Record, column: str) -> str | None:
    if column not in record:
        texts = [name for name, value in record.items() if isinstance(value, str)]
        raise InputError(
            f"{path} has no member {column!r} in {place}; its texts are {', '.join(texts)}."
        )
    value = record[column]
    if value is not None and not isinstance(value, str):
        raise InputError(f"{path} holds no text in {column!r} of {place}; name a member of text.")
    return value
