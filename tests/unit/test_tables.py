"""Tables: their schema is checked when they are written and when they are read."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from groundsynth.errors import InputError, OutputError
from groundsynth.landcover import Legend
from groundsynth.tables import (
    SCHEMAS,
    composition_schema,
    read_provenance,
    read_table,
    read_tables,
    write_table,
)

from .conftest import small_files

HISTORY: dict[str, list[Any]] = {
    "step": [1, 2],
    "images": [8, 16],
    "seconds": [0.5, 1.0],
    "name": ["loss", "loss"],
    "value": [2.0, 1.5],
}
PATCH: dict[str, list[Any]] = {
    "patch_id": ["N36E030_000_001"],
    "tile": ["N36E030"],
    "row": [0],
    "column": [1],
    "split": ["train"],
    "crs": ["EPSG:4326"],
    "transform": [[1e-4, 0.0, 30.0, 0.0, -1e-4, 37.0]],
    "geometry": [b"\x01wkb"],
    "year": [2021],
    "scaling": ["patch_max"],
}


def history(path: Path, **changes: Any) -> Path:
    write_table(path, {**HISTORY, **changes}, "history", {"verb": "train"})
    return path


def test_rows_come_back(tmp_path: Path) -> None:
    table = read_table(history(tmp_path / "a.parquet"), "history")
    assert table.to_pydict() == HISTORY
    assert table.schema.equals(SCHEMAS["history"])


def test_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    table = read_table(history(tmp_path / "a.parquet"), "history", ["value", "step"])
    assert table.column_names == ["value", "step"]
    assert table.to_pydict() == {"value": [2.0, 1.5], "step": [1, 2]}


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_table_may_be_empty(tmp_path: Path, name: str) -> None:
    columns: dict[str, list[Any]] = {field: [] for field in SCHEMAS[name].names}
    write_table(tmp_path / "a.parquet", columns, name, {})
    assert read_table(tmp_path / "a.parquet", name).schema.equals(SCHEMAS[name])


def test_provenance_comes_back(tmp_path: Path) -> None:
    record = {"verb": "cut-patches", "parameters": {"name": "ağaç"}, "inputs": ["a.tif"]}
    write_table(tmp_path / "a.parquet", HISTORY, "history", record)
    assert read_provenance(tmp_path / "a.parquet") == record


def test_a_table_of_others_has_no_provenance(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    assert read_provenance(tmp_path / "a.parquet") == {}


@pytest.mark.parametrize("changes", [{"surplus": [1, 2]}, {"missing": None}])
def test_other_columns_are_not_written(tmp_path: Path, changes: dict[str, Any]) -> None:
    columns = {**HISTORY, **changes}
    if changes.get("missing", 1) is None:
        columns = {k: v for k, v in HISTORY.items() if k != "value"}
    with pytest.raises(ValueError, match="are not those of"):
        write_table(tmp_path / "a.parquet", columns, "history", {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [["one", "two"], [1]])
def test_values_that_do_not_fit_leave_the_old_table(tmp_path: Path, wrong: list[Any]) -> None:
    path = history(tmp_path / "a.parquet")
    with pytest.raises((ValueError, TypeError)):
        history(path, step=wrong)
    assert read_table(path, "history")["step"].to_pylist() == [1, 2]
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_sentence_and_leaves_the_old_table(tmp_path: Path) -> None:
    path = history(tmp_path / "a.parquet")
    random = np.random.default_rng(0)
    rows: dict[str, Any] = {k: random.random(100_000) for k in ("seconds", "value")}
    rows |= {k: np.arange(100_000) for k in ("step", "images")}
    with small_files(100_000), pytest.raises(OutputError, match=r"a\.parquet cannot be written"):
        history(path, **rows, name=["loss"] * 100_000)
    assert read_table(path, "history").to_pydict() == HISTORY
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table(HISTORY).drop_columns(["seconds"]), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet has no column 'seconds'"):
        read_table(tmp_path / "a.parquet", "history")
    assert len(read_table(tmp_path / "a.parquet", "history", ["step"])) == 2


def test_a_column_of_another_kind_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({**HISTORY, "step": ["1", "2"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"'step' as string instead of int64"):
        read_table(tmp_path / "a.parquet", "history")


def test_numbers_that_do_not_fit_are_named(tmp_path: Path) -> None:
    table = pa.table({**PATCH, "row": [2**40]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet .*1099511627776"):
        read_table(tmp_path / "a.parquet", "real_index")


@pytest.mark.parametrize("keep", [0, 3, 100, 400, -1])
def test_truncated_tables_are_refused(tmp_path: Path, keep: int) -> None:
    path = history(tmp_path / "a.parquet")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"a\.parquet is truncated or no Parquet file"):
        read_table(path, "history")
    with pytest.raises(InputError, match=r"a\.parquet is truncated or no Parquet file"):
        read_provenance(path)


def test_damage_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = history(tmp_path / "a.parquet", name=["loss" * 99, "gain" * 99])
    content = bytearray(path.read_bytes())
    content[4:40] = b"\xff" * 36
    path.write_bytes(content)
    with pytest.raises(InputError, match="truncated or no Parquet"):
        read_table(path, "history")


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    for read in (read_provenance, lambda path: read_table(path, "history")):
        with pytest.raises(InputError, match=r"a\.parquet is missing"):
            read(tmp_path / "a.parquet")


def test_several_tables_follow_each_other(tmp_path: Path) -> None:
    first = history(tmp_path / "1.parquet")
    second = history(tmp_path / "0.parquet", step=[3, 4])
    assert read_tables([first, second], "history")["step"].to_pylist() == [1, 2, 3, 4]


def test_no_table_has_no_row_but_the_columns(tmp_path: Path) -> None:
    assert read_tables([], "history").schema.equals(SCHEMAS["history"])
    assert read_tables([], "history", ["value"]).column_names == ["value"]


def test_shares_have_a_column_for_each_class(tmp_path: Path) -> None:
    names = ("tree", "built-up", "built-up.dense")  # a dot, which Parquet uses for nested columns
    classes = [{"name": n, "codes": [i + 1], "color": [0, 0, 0]} for i, n in enumerate(names)]
    schema = composition_schema(Legend.from_json({"classes": classes}))
    columns: dict[str, list[Any]] = {"population": ["real"], "id": ["a"], "mask_source": ["map"]}
    columns |= {f"share_{n}": [10.0 * i] for i, n in enumerate(names)}
    columns |= {"unlabelled_share": [0.0]}
    write_table(tmp_path / "a.parquet", columns, schema, {})
    found = read_table(tmp_path / "a.parquet", schema, ["share_built-up"])
    assert found.to_pydict() == {"share_built-up": [10.0]}
    assert read_table(tmp_path / "a.parquet", schema).to_pydict() == columns


def test_the_patch_index_keeps_other_metadata(tmp_path: Path) -> None:
    schema = SCHEMAS["real_index"].with_metadata({b"geo": b'{"version": "1.1.0"}'})
    write_table(tmp_path / "a.parquet", PATCH, schema, {"verb": "cut-patches"})
    table = read_table(tmp_path / "a.parquet", "real_index")
    assert table.schema.metadata[b"geo"] == b'{"version": "1.1.0"}'
    assert read_provenance(tmp_path / "a.parquet") == {"verb": "cut-patches"}


def test_an_index_written_by_geopandas_is_read(tmp_path: Path) -> None:
    """Wider numbers, lists without a fixed size, categories and a bounding box are all right."""
    import geopandas  # seconds, for this test alone
    import shapely

    frame = geopandas.GeoDataFrame(
        {**PATCH, "geometry": [shapely.box(30, 36, 31, 37)]}, crs="EPSG:4326"
    ).astype({"split": "category"})
    frame.to_parquet(tmp_path / "a.parquet", write_covering_bbox=True)
    table = read_table(tmp_path / "a.parquet", "real_index")
    assert table.schema.equals(SCHEMAS["real_index"])
    row = table.to_pylist()[0]
    assert {k: row[k] for k in PATCH if k != "geometry"} == {
        k: v[0] for k, v in PATCH.items() if k != "geometry"
    }
    assert shapely.from_wkb(row["geometry"]).equals(shapely.box(30, 36, 31, 37))
    both = read_tables([tmp_path / "a.parquet"] * 2, "real_index", ["patch_id", "split"])
    assert both["split"].to_pylist() == ["train", "train"]
