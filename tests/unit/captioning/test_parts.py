"""Part files: none twice, none lost, broken and foreign ones made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundsynth.captioning.parts import Caption, CaptionParts
from groundsynth.errors import StateError
from groundsynth.tables import read_provenance, read_table

IDS = [f"i{number}" for number in range(10)]
CONSTANTS = {
    "population": "real",
    "captioner": "c",
    "prompt_version": "1",
    "model": "m",
    "revision": "r",
    "engine": "e",
    "engine_version": "0",
}


def captions(rows: list[int]) -> list[Caption]:
    return [Caption(f"caption {row}", f" caption {row}", "ok", 2, 100 + row) for row in rows]


def add(parts: CaptionParts, rows: list[int]) -> None:
    parts.append(rows, captions(rows))


def test_parts_are_merged_in_index_order(tmp_path: Path) -> None:
    parts = CaptionParts(tmp_path / "parts", IDS, CONSTANTS)
    for rows in ([7, 2, 9], [0], [1, 3, 4, 5, 6, 8]):
        add(parts, rows)
    output = tmp_path / "captions.parquet"
    parts.merge(output, {"verb": "v"})
    table = read_table(output, "captions")
    assert table.column("id").to_pylist() == IDS
    assert table.column("caption").to_pylist() == [f"caption {row}" for row in range(10)]
    assert table.column("seed").to_pylist() == list(range(100, 110))
    assert set(table.column("engine").to_pylist()) == {"e"}
    assert read_provenance(output)["verb"] == "v"


def test_a_new_process_misses_only_what_is_missing(tmp_path: Path) -> None:
    add(CaptionParts(tmp_path, IDS, CONSTANTS), [0, 1, 2])
    add(CaptionParts(tmp_path, IDS, CONSTANTS), [5])
    again = CaptionParts(tmp_path, IDS, CONSTANTS)
    assert again.missing() == [3, 4, 6, 7, 8, 9]
    with pytest.raises(StateError, match="6 of 10"):
        again.merge(tmp_path / "out.parquet", {})
    assert not (tmp_path / "out.parquet").exists()


def test_parts_are_never_rewritten(tmp_path: Path) -> None:
    parts = CaptionParts(tmp_path, IDS, CONSTANTS)
    add(parts, [0, 1])
    first = next(tmp_path.glob("*.parquet")).read_bytes()
    add(parts, [2])
    assert sorted(p.name for p in tmp_path.glob("*")) == ["000000.parquet", "000001.parquet"]
    assert (tmp_path / "000000.parquet").read_bytes() == first


def test_broken_foreign_and_repeated_parts_are_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = CaptionParts(tmp_path, IDS, CONSTANTS)
    add(parts, [0, 1])
    add(parts, [2, 3])
    add(CaptionParts(tmp_path / "other", ["x", "y"], CONSTANTS), [0, 1])
    (tmp_path / "other" / "000000.parquet").rename(tmp_path / "000002.parquet")
    (tmp_path / "000003.parquet").write_bytes((tmp_path / "000000.parquet").read_bytes())
    whole = (tmp_path / "000001.parquet").read_bytes()
    (tmp_path / "000001.parquet").write_bytes(whole[: len(whole) // 2])
    (tmp_path / ".000009.77.part.parquet").write_bytes(b"half")
    again = CaptionParts(tmp_path, IDS, CONSTANTS)
    assert again.missing() == [2, 3, 4, 5, 6, 7, 8, 9]
    assert capsys.readouterr().err.count("made again") == 3


def test_an_empty_shard_gives_an_empty_table(tmp_path: Path) -> None:
    parts = CaptionParts(tmp_path / "p", [], CONSTANTS)
    parts.merge(tmp_path / "out.parquet", {})
    assert len(read_table(tmp_path / "out.parquet", "captions")) == 0


def with_bad_ones(folder: Path) -> CaptionParts:
    """Parts 0-2 (0 and 1 bad), 3-4 (good), 5 (bad)."""
    parts = CaptionParts(folder, IDS[:6], CONSTANTS)
    found = captions(list(range(6)))
    found[0] = Caption("", "too long " + "x" * 900, "error", 0, 1)
    found[1] = Caption("", " ", "empty", 1, 1)
    found[5] = Caption("", "too long " + "x" * 900, "error", 0, 1)
    for rows in ([0, 1, 2], [3, 4], [5]):
        parts.append(rows, [found[row] for row in rows])
    return parts


def test_bad_captions_are_counted_by_reason_and_forgotten(tmp_path: Path) -> None:
    parts = with_bad_ones(tmp_path)
    assert sorted(parts.bad_reasons().values()) == [1, 2]
    assert all(len(reason) < 150 for reason in parts.bad_reasons())
    assert parts.bad_rows() == [0, 1, 5]
    parts.forget(parts.bad_rows())
    assert parts.missing() == CaptionParts(tmp_path, IDS[:6], CONSTANTS).missing() == [0, 1, 5]
    assert not parts.bad_reasons()
    add(parts, [0, 1, 5])
    parts.merge(tmp_path / "out.parquet", {})
    table = read_table(tmp_path / "out.parquet", "captions")
    assert table.column("caption").to_pylist() == [f"caption {row}" for row in range(6)]


def test_a_kill_while_bad_captions_are_forgotten_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = with_bad_ones(tmp_path)

    def killed(path: Path, missing_ok: bool = False) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            parts.forget(parts.bad_rows())
    assert (tmp_path / "000003.parquet").exists()  # the good one of the first part, a second time
    again = CaptionParts(tmp_path, IDS[:6], CONSTANTS)
    assert again.missing() == []
    again.forget(again.bad_rows())
    assert again.missing() == [0, 1, 5]
