"""Redundancy: numbers by hand, every file format, groups, and files that hold nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from groundsynth.errors import InputError
from groundsynth.evaluation.redundancy import redundancy, score_redundancy

HAND_MADE = [
    "A river bends.",
    "A river bends.",
    "A river bends. ",
    "a river bends.",
    'Fields, "corn" and\nwoods',
    'Fields, "corn" and\nwoods',
    "A river bends.",
    "",
]
SAMPLES = Path(__file__).parents[4] / "shared" / "paper" / "samples"


def test_exact_strings() -> None:
    assert redundancy(HAND_MADE) == {"captions": 8, "unique": 5, "redundancy_percent": 37.5}
    assert redundancy(iter(["a"])) == {"captions": 1, "unique": 1, "redundancy_percent": 0.0}
    same = redundancy(["x"] * 1000)
    assert same["redundancy_percent"] == pytest.approx(99.9)


def test_no_captions() -> None:
    with pytest.raises(InputError, match="no captions"):
        redundancy([])


def write(path: Path, captions: list[str], groups: list[str]) -> Path:
    rows = [
        {"id": str(n), "caption": c, "g": g}
        for n, (c, g) in enumerate(zip(captions, groups, strict=True))
    ]
    if path.suffix in (".csv", ".tsv"):
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(
                stream, ["id", "caption", "g"], delimiter="," if path.suffix == ".csv" else "\t"
            )
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=3)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def score(tmp_path: Path, paths: list[Path], **options: Any) -> dict[str, Any]:
    output = tmp_path / "out.json"
    score_redundancy(captions=paths, **{"column": "caption", "output": output, **options})
    found: dict[str, Any] = json.loads(output.read_text())
    return found


@pytest.mark.parametrize("name", ["c.csv", "c.tsv", "c.parquet", "c.jsonl", "c.ndjson"])
def test_every_format_gives_the_same(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, HAND_MADE, list("ababbaab"))
    found = score(tmp_path, [path], group_by="g")
    assert (found["captions"], found["unique"], found["redundancy_percent"]) == (8, 5, 37.5)
    assert found["groups"]["a"] == {"captions": 4, "unique": 3, "redundancy_percent": 25.0}
    assert found["groups"]["b"] == {"captions": 4, "unique": 4, "redundancy_percent": 0.0}
    assert str(tmp_path) not in json.dumps(found["provenance"])


def test_plain_lines(tmp_path: Path) -> None:
    path = tmp_path / "c.txt"
    path.write_bytes("\ufeffone\r\ntwo\n\none\nthree \nthree".encode())
    found = score(tmp_path, [path])
    assert (found["captions"], found["unique"]) == (5, 4)
    assert found["groups"] == {}
    with pytest.raises(InputError, match="plain lines"):
        score(tmp_path, [path], group_by="g")


def test_a_byte_order_mark_is_no_part_of_the_name(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes("\ufeffcaption,g\r\nx,1\r\nx,1\r\n".encode())
    found = score(tmp_path, [tmp_path / "c.csv"])
    assert (found["captions"], found["unique"]) == (2, 1)


def test_several_files_count_together(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", ["x", "y"], ["1", "1"])
    second = write(tmp_path / "b.parquet", ["y", "z"], ["2", "2"])
    found = score(tmp_path, [first, second], group_by="g")
    assert (found["captions"], found["unique"]) == (4, 3)
    assert set(found["groups"]) == {"1", "2"}


def test_nulls_are_no_captions(tmp_path: Path) -> None:
    table = pa.table({"caption": ["x", None, "x"]})
    pq.write_table(table, tmp_path / "c.parquet")
    assert score(tmp_path, [tmp_path / "c.parquet"])["captions"] == 2


def test_failed_captions_are_no_captions(tmp_path: Path) -> None:
    columns = {
        "caption": ["x", "", "", "y", "x"],
        "status": ["ok", "error", "empty", "truncated", "ok"],
        "population": ["real", "real", "real", "real", "conditional"],
    }
    pq.write_table(pa.table(columns), tmp_path / "c.parquet")
    path = [tmp_path / "c.parquet"]
    found = score(tmp_path, path, group_by="population", status_column="status")
    assert (found["captions"], found["unique"], found["left_out"]) == (3, 2, 2)
    assert {name: group["captions"] for name, group in found["groups"].items()} == {
        "real": 2,
        "conditional": 1,
    }


@pytest.mark.parametrize("name", ["c.csv", "c.parquet", "c.jsonl", "c.txt"])
def test_empty_files_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "c.txt":
        path.write_text("\n\n")
    else:
        write(path, [], [])
        if name == "c.parquet":
            pq.write_table(pa.table({"caption": pa.array([], pa.string())}), path)
    with pytest.raises(InputError, match="no captions"):
        score(tmp_path, [path])
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"c\."):
        score(tmp_path, [path])
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("name", ["c.csv", "c.parquet", "c.jsonl"])
def test_missing_columns_are_named(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, ["x"], ["1"])
    with pytest.raises(InputError, match=r"'text'.* (id, caption, g|id, g, caption)"):
        score(tmp_path, [path], column="text")
    with pytest.raises(InputError, match="'group'"):
        score(tmp_path, [path], group_by="group")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        score(tmp_path, [tmp_path / "none.csv"])
    with pytest.raises(InputError, match="does not exist"):
        score(tmp_path, [tmp_path / "none.parquet"])
    (tmp_path / "c.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"'\.xlsx'"):
        score(tmp_path, [tmp_path / "c.xlsx"])
    (tmp_path / "c.csv").write_bytes(b"caption\n\xff\xfe\n")
    with pytest.raises(InputError, match="UTF-8"):
        score(tmp_path, [tmp_path / "c.csv"])
    (tmp_path / "d.csv").write_text("id,caption\n1,a\n2\n")
    with pytest.raises(InputError, match="line 3"):
        score(tmp_path, [tmp_path / "d.csv"])
    (tmp_path / "c.jsonl").write_text('{"caption": "a"}\n["b"]\n')
    with pytest.raises(InputError, match="line 2"):
        score(tmp_path, [tmp_path / "c.jsonl"])
    (tmp_path / "d.jsonl").write_text('{"caption": 3}\n')
    with pytest.raises(InputError, match="no text"):
        score(tmp_path, [tmp_path / "d.jsonl"])
    pq.write_table(pa.table({"caption": [1, 2]}), tmp_path / "n.parquet")
    with pytest.raises(InputError, match="int64"):
        score(tmp_path, [tmp_path / "n.parquet"])
    with pytest.raises(InputError, match="No file"):
        score(tmp_path, [])


KARPATHY = {
    "images": [
        {
            "filename": "airport_1.tif",
            "split": "train",
            "sentences": [{"raw": "a b", "sentid": 0}, {"raw": "c d", "sentid": 1}],
        },
        {"filename": "farm_1.tif", "split": "test", "sentences": [{"raw": "a b", "sentid": 2}]},
    ],
    "dataset": "x",
}
NWPU = {
    "airport": [{"filename": "airport_1.jpg", "split": "train", "raw": "a b", "raw_1": "c d"}],
    "farm": [{"filename": "farm_1.jpg", "split": "test", "raw": "a b"}],
}
PLAIN_LIST = [
    {"raw": "a b", "split": "train"},
    {"raw": "c d", "split": "train"},
    {"raw": "a b", "split": "test"},
]


@pytest.mark.parametrize("layout", [KARPATHY, NWPU, PLAIN_LIST], ids=["rsicd", "nwpu", "list"])
def test_layouts_of_published_sets(tmp_path: Path, layout: Any) -> None:
    path = tmp_path / "set.json"
    path.write_text(json.dumps(layout, indent=1), "utf-8-sig")
    found = score(tmp_path, [path], column="raw", group_by="split")
    assert (found["captions"], found["unique"]) == (3, 2)
    assert {name: group["captions"] for name, group in found["groups"].items()} == {
        "train": 2,
        "test": 1,
    }


def test_categories_and_lines_in_json(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text(json.dumps(NWPU))
    assert set(score(tmp_path, [path], column="raw", group_by="category")["groups"]) == {
        "airport",
        "farm",
    }
    path.write_text('{"raw": "x"}\n')  # one line of JSON lines
    assert score(tmp_path, [path], column="raw")["captions"] == 1
    path.write_text('{"raw": "x"}\n{"raw": "x"}\n')
    assert score(tmp_path, [path], column="raw")["unique"] == 1


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ({"annotations": {}}, "layout that is not known"),
        (7, "layout that is not known"),
        ({}, "layout that is not known"),
        (["x"], r"no JSON object in \[0\]"),
        ({"images": [{"filename": "a"}]}, r"no list of sentences in images\[0\]"),
        ({"images": [{"sentences": ["x"]}]}, r"no JSON object in images\[0\]\.sentences\[0\]"),
        ({"farm": [{"filename": "a"}]}, r"no member 'raw' in farm\[0\]"),
        ({"farm": [7]}, r"no JSON object in farm\[0\]"),
        ([{"text": "a"}], r"no member 'raw' in \[0\]; its texts are text"),
        ([{"raw": 3}], "no text in 'raw'"),
    ],
)
def test_other_layouts_are_refused(tmp_path: Path, layout: Any, message: str) -> None:
    path = tmp_path / "set.json"
    path.write_text(json.dumps(layout))
    with pytest.raises(InputError, match=message):
        score(tmp_path, [path], column="raw")


def test_diversity_stands_beside_the_counts(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", HAND_MADE, list("aaaabbbb"))
    found = score(tmp_path, [path], group_by="g", self_bleu_sample=0)
    assert found["diversity"]["normalised_unique"] == 3
    assert found["diversity"]["normalised_redundancy_percent"] == pytest.approx(100 * 5 / 8)
    assert found["group_diversity"]["a"]["vocabulary"] == 3
    assert found["diversity"]["self_bleu"] is None


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published sample captions are not here")
@pytest.mark.parametrize(
    ("name", "rows"), [("real_captions_head13.csv", 13), ("synth_captions_head3.csv", 3)]
)
@pytest.mark.parametrize(
    "column",
    [
        "hybrid_gemma3-4b",
        "hybrid_qwen3-vl-8b",
        "text_qwen3-4b",
        "vision_gemma3-4b",
        "vision_qwen3-vl-8b",
    ],
)
def test_published_samples_are_read(tmp_path: Path, name: str, rows: int, column: str) -> None:
    found = score(tmp_path, [SAMPLES / name], column=column, group_by="split")
    assert found["captions"] == rows
    assert found["unique"] == rows
    assert sum(group["captions"] for group in found["groups"].values()) == rows
