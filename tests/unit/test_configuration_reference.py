"""The reference of the configuration is what the schema and config.yaml say."""

import shutil
from pathlib import Path

import pytest

from groundsynth import configuration_reference
from groundsynth.configuration_reference import CONFIG_FOLDER, main, reference
from groundsynth.configuration_yaml import load_yaml


def test_the_committed_reference_is_the_generated_one() -> None:
    """Run `python -m groundsynth.configuration_reference` after a change of the schema."""
    assert (CONFIG_FOLDER / "README.md").read_text("utf-8") == reference()


def test_every_row_has_the_columns_of_its_table() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 150
    overlays = [row for row in rows if ".yaml`" in row]
    for row in rows:
        cells = row.replace("\\|", "").count("|") - 1
        assert cells == (2 if row in overlays else 4), row


def test_every_overlay_is_named() -> None:
    given = {p.name for p in CONFIG_FOLDER.glob("*.yaml")} - {"config.yaml", "config.schema.yaml"}
    assert "demo.yaml" in given
    for name in given:
        (row,) = [line for line in reference().splitlines() if line.startswith(f"| `{name}` | ")]
        assert len(row) > len(name) + 20


def test_defaults_are_shown() -> None:
    text = reference()
    kimg = load_yaml(CONFIG_FOLDER / "config.yaml")["gan"]["unconditional"]["kimg"]
    assert f"| `unconditional.kimg` | `{kimg}` | a number above 0 |" in text
    assert "| `classes` | 7 entries |" in text
    assert "| `rasters` | none | section |" in text


def test_it_is_written_where_it_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("config.yaml", "config.schema.yaml"):
        shutil.copy(CONFIG_FOLDER / name, tmp_path)
    (tmp_path / "mine.yaml").write_text("# My own area.\nrun: {name: mine}\n")
    schema = (tmp_path / "config.schema.yaml").read_text("utf-8")
    other = schema.replace("Name of the run as it stands in the report.", "Name <run> | title.")
    (tmp_path / "config.schema.yaml").write_text(other, "utf-8")
    monkeypatch.setattr(configuration_reference, "CONFIG_FOLDER", tmp_path)
    assert main() == 0
    text = (tmp_path / "README.md").read_text("utf-8")
    assert "| `mine.yaml` | My own area. |" in text
    assert r"| Name &lt;run> \| title. |" in text
    assert text == reference(tmp_path)
