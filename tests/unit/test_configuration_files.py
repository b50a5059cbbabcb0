"""Configuration files: laid over each other, and refused in a sentence that names the place."""

from pathlib import Path

import pytest

from groundsynth.configuration_files import overlaid, read_configuration
from groundsynth.errors import ConfigurationError


def refused(path: Path) -> str:
    with pytest.raises(ConfigurationError) as error:
        read_configuration(path)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("run:\n  name: a\n seed: 2\n", "line 3, column 2"),
        ("run:\n\tname: a\n", "line 2, column 1"),
        ("gan: {unconditional: {kimg: 3}\n", "line 2, column 1"),
        ("run: {name: 'a}\n", "line 2, column 1"),
    ],
)
def test_broken_yaml_is_named_with_its_line(tmp_path: Path, text: str, place: str) -> None:
    broken = tmp_path / "my.yaml"
    broken.write_text(text, "utf-8")
    said = refused(broken)
    assert str(broken) in said
    assert said.endswith(f"({place}); correct it.")


@pytest.mark.parametrize(
    ("text", "place", "lines"),
    [
        ("run: {seed: 1}\ngan: {}\nrun: {name: a}\n", "run", "1 and 3"),
        ("run:\n  name: a\n  seed: 1\n\n  name: b\n", "run.name", "2 and 5"),
        ("run: {'seed': 1,\n  seed: 1}\n", "run.seed", "1 and 2"),
        (
            "legend:\n  classes:\n  - name: a\n  - name: b\n    name: c\n",
            "legend.classes.1.name",
            "4 and 5",
        ),
        ('{"run": {"seed": 1,\n\t"name": "a", "seed":\t2}}', "run.seed", "1 and 2"),
    ],
)
def test_a_key_written_twice_is_named_with_both_lines(
    tmp_path: Path, text: str, place: str, lines: str
) -> None:
    twice = tmp_path / "my.yaml"
    twice.write_text(text, "utf-8")
    said = refused(twice)
    assert f"{twice} gives {place} twice, in the lines {lines}; " in said


def test_merged_and_repeated_sections_are_no_keys_written_twice(tmp_path: Path) -> None:
    """An alias leads to the same section again; what a section merges in, its own keys replace."""
    merged = tmp_path / "my.yaml"
    merged.write_text(
        "a: &a {x: 1, y: 2}\nb: &b {x: 3, <<: *a}\nc: {<<: *a, <<: *b, y: 5}\nd: [*a, *a]\n",
        "utf-8",
    )
    assert read_configuration(merged) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 3, "y": 2},
        "c": {"x": 3, "y": 5},
        "d": [{"x": 1, "y": 2}] * 2,
    }
    merged.write_text("a: &a\n  b: *a\n", "utf-8")
    content = read_configuration(merged)
    assert content["a"]["b"] is content["a"]


def test_a_date_that_is_none_is_refused(tmp_path: Path) -> None:
    dated = tmp_path / "my.yaml"
    dated.write_text("run: {name: 2021-13-45}\n", "utf-8")
    assert "month must be in 1..12" in refused(dated)


@pytest.mark.parametrize("text", ["", "- a\n", "only words\n"])
def test_a_file_without_keys_is_refused(tmp_path: Path, text: str) -> None:
    empty = tmp_path / "my.yaml"
    empty.write_text(text, "utf-8")
    assert "holds no keys" in refused(empty)


def test_what_is_no_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raster.yaml").write_bytes(b"\xff\xfe\x00II")
    assert "UTF-8" in refused(tmp_path / "raster.yaml")
    assert "No such file" in refused(tmp_path / "missing.yaml")
    assert "Is a directory" in refused(tmp_path)


def test_overlays_lie_over_the_paper_in_order(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.json"
    first.write_text("run: {name: a, seed: 5}\nsegmentation: {seeds: [7]}\n", "utf-8")
    second.write_text('{\n\t"run": {"name": "b"}\n}', "utf-8")  # tabs are JSON, but no YAML
    merged = overlaid([first, second])
    assert (merged["run"]["name"], merged["run"]["seed"]) == ("b", 5)
    assert merged["segmentation"]["seeds"] == [7]
    assert merged["patches"] == overlaid([])["patches"]


def test_paths_count_from_the_folder_of_their_file(tmp_path: Path) -> None:
    overlay = tmp_path / "my.yaml"
    overlay.write_text(
        "source: {area: {file: a.gpkg}, rasters: {mine: {imagery: i.tif, labels: /l.tif}}}\n"
        "splits: {file: ''}\n",
        "utf-8",
    )
    assert overlaid([overlay])["source"]["area"]["file"] == "a.gpkg"
    rooted = overlaid([overlay], absolute=True)
    assert rooted["source"]["area"]["file"] == str(tmp_path / "a.gpkg")
    mine = rooted["source"]["rasters"]["mine"]
    assert mine == {"imagery": str(tmp_path / "i.tif"), "labels": "/l.tif"}
    assert rooted["splits"]["file"] == ""
    sets = "captions: {other_sets: {RSICD: {file: rsicd.json, column: raw}}}\n"
    overlay.write_text(sets, "utf-8")
    (rsicd,) = overlaid([overlay], absolute=True)["captions"]["other_sets"].values()
    assert rsicd == {"file": str(tmp_path / "rsicd.json"), "column": "raw"}


def test_sections_of_another_kind_are_left_to_the_schema(tmp_path: Path) -> None:
    overlay = tmp_path / "my.yaml"
    overlay.write_text("source: {rasters: [a], area: 3}\nsplits: none\ncaptions: [x]\n", "utf-8")
    assert overlaid([overlay], absolute=True)["source"]["rasters"] == ["a"]
