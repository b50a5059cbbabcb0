"""Fingerprints: state belongs to the contents and parameters it was made from."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from groundsynth.errors import InputError
from groundsynth.files import write_json
from groundsynth.fingerprint import changes, fingerprint, sampled_digest

MIB = 1 << 20


@pytest.mark.parametrize("size", [0, 1, 65_536, 3 * MIB])
def test_every_byte_of_a_small_file_counts(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(size))
    digests = {sampled_digest(path)}
    for place in {0, size // 2, size - 1} if size else ():
        content = bytearray(size)
        content[place] = 1
        path.write_bytes(content)
        digests.add(sampled_digest(path))
    assert len(digests) == (1 + len({0, size // 2, size - 1}) if size else 1)


def test_size_beginning_and_end_of_a_large_file_count(tmp_path: Path) -> None:
    path = tmp_path / "a"
    digests = []
    for change in (None, 0, 9 * MIB - 1):
        with path.open("wb") as stream:
            stream.truncate(9 * MIB)
            if change is not None:
                stream.seek(change)
                stream.write(b"x")
        digests.append(sampled_digest(path))
    with path.open("r+b") as stream:
        stream.truncate(9 * MIB + 1)
    digests.append(sampled_digest(path))
    assert len(set(digests)) == 4


def test_a_folder_counts_by_names_and_contents(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "weights").write_bytes(b"w")
    assert sampled_digest(tmp_path / "one") == sampled_digest(tmp_path / "two")
    (tmp_path / "two" / "sub" / "weights").rename(tmp_path / "two" / "weights")
    assert sampled_digest(tmp_path / "one") != sampled_digest(tmp_path / "two")


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"images\.npy is missing"):
        fingerprint({}, [tmp_path / "images.npy"])


def test_changes_are_named(tmp_path: Path) -> None:
    inputs = [tmp_path / "a.npy", tmp_path / "b.npy"]
    for path in inputs:
        path.write_bytes(path.name.encode())
    parameters = {"batch": 8, "rate": 0.1, "mix": {"real": True}}
    written = tmp_path / "fingerprint.json"
    write_json(written, fingerprint(parameters, inputs))
    assert changes(written, fingerprint(parameters, inputs)) == ""
    other = {**parameters, "batch": 16, "mix": {"real": False}, "new": None}
    assert changes(written, fingerprint(other, inputs)) == "batch, mix, new"
    assert changes(written, fingerprint(parameters, inputs[::-1])) == "the order of the inputs"
    assert changes(written, fingerprint(parameters, inputs[:1])) == str(inputs[1])
    inputs[0].write_bytes(b"other")
    assert changes(written, fingerprint(parameters, inputs)) == str(inputs[0])
    many = {f"p{n}": n for n in range(9)}
    assert changes(written, fingerprint(many, [])) == "batch, mix, p0, p1, p2, p3, and 8 more"


def test_place_and_time_of_an_input_do_not_count(tmp_path: Path) -> None:
    first, second = tmp_path / "a.npy", tmp_path / "copies" / "b.npy"
    second.parent.mkdir()
    for path in (first, second):
        path.write_bytes(b"the same")
    write_json(tmp_path / "fingerprint.json", fingerprint({}, [first]))
    os.utime(first, (1, 1))
    assert changes(tmp_path / "fingerprint.json", fingerprint({}, [first])) == ""
    assert changes(tmp_path / "fingerprint.json", fingerprint({}, [second])) == ""


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"parameters": 1, "inputs": 2}', "\x00"])
def test_an_unreadable_fingerprint_fits_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "fingerprint.json").write_text(content)
    found = changes(tmp_path / "fingerprint.json", fingerprint({"a": 1}, []))
    assert found == "an unreadable fingerprint"


def test_a_table_counts_by_its_rows(tmp_path: Path) -> None:
    """Made again with equal rows at another time it is the same, with others it is not."""
    digests = []
    for number, (made, ids) in enumerate(
        [("monday", ["a", "b"]), ("tuesday", ["a", "b"]), ("monday", ["a", "c"])]
    ):
        path = tmp_path / f"{number}.parquet"
        table = pa.table({"id": ids, "x": [1.5, None]}).replace_schema_metadata({"time": made})
        pq.write_table(table, path)
        digests.append(sampled_digest(path))
    renamed = tmp_path / "renamed.parquet"
    pq.write_table(pa.table({"name": ["a", "b"], "x": [1.5, None]}), renamed)
    assert digests[0] == digests[1]
    assert len({*digests, sampled_digest(renamed)}) == 3


def test_a_broken_table_counts_by_its_bytes(tmp_path: Path) -> None:
    """What is wrong with it, the job that reads it says."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": ["a", "b"]}), path)
    whole = sampled_digest(path)
    path.write_bytes(path.read_bytes()[:-30])
    assert sampled_digest(path) not in {whole, ""}
