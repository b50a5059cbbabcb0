"""The paper's figures in the package are those of its tables."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundsynth.figures.published_figures import (
    published_architectures,
    published_captioner,
    published_captioners,
    published_scores,
    published_subset,
)

ROOT = Path(__file__).resolve().parents[3]
CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text("utf-8"))
MIXES: dict[str, Any] = CONFIG["segmentation"]["mix_definitions"]
NAMES = [entry["name"] for entry in CONFIG["legend"]["classes"]]


@pytest.fixture
def paper() -> Path:
    """The paper's tables; the test is skipped where they are not at hand."""
    folder = ROOT.parent / "shared" / "paper"
    if not folder.exists():
        pytest.skip("the paper's tables (../shared/paper) are not on this machine")
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_scores_are_those_of_tables_3_and_4(paper: Path) -> None:
    found = 0
    for row in rows_of(paper / "table3_segmentation.csv"):
        mix = row["training_mix"]
        ours = published_scores(mix, MIXES[mix], row["architecture"], NAMES)
        for name in ("f1", "iou", "precision", "recall", "accuracy"):
            assert ours[name] == float(row[name])
            found += 1
    for row in rows_of(paper / "table4_class_f1.csv"):
        mix = row["training_mix"]
        ours = published_scores(mix, MIXES[mix], row["architecture"], NAMES)
        for name in NAMES:
            assert ours[f"f1_{name}"] == float(row[name.replace("-", "_")])
            found += 1
    assert found == 42 * 5 + 42 * 7


def test_captions_are_those_of_tables_1_and_2(paper: Path) -> None:
    models = {"Qwen3-4B": "qwen3-4b", "Gemma3-4B": "gemma3-4b", "Qwen3-VL-8B": "qwen3-vl-8b"}
    for row in rows_of(paper / "table2_captioners.csv"):
        name = f"{models[row['model']]}_{row['method']}"
        assert name in CONFIG["captions"]["captioners"]
        ours = published_captioner(row["subset"], name)
        for key in ("unique_captions", "redundancy_percent", "clipscore"):
            assert float(ours[key]) == float(row[key])
    names = {"ARAS400k": "all", "ARAS400k real": "real", "ARAS400k synthetic": "synthetic"}
    for row in rows_of(paper / "table1_caption_datasets.csv"):
        ours = published_subset(names.get(row["dataset"], row["dataset"]))
        for key in ("images", "captions", "redundancy_percent", "clipscore"):
            assert float(ours[key]) == float(row[key])


def test_mixes_are_known_by_what_they_hold() -> None:
    parts = {"real": True, "unconditional": 0, "conditional": 0}
    assert published_scores("ours", parts, "unet", NAMES)["f1"] == 76.37
    assert published_scores("real", {**parts, "conditional": 1}, "unet", NAMES) == {}
    assert published_scores("real", parts, "linknet", NAMES) == {}
    assert published_scores("real", parts, "unet", ["forest", *NAMES[1:]]) == {}


def test_names_are_those_of_the_configuration() -> None:
    assert published_architectures() == set(CONFIG["segmentation"]["architectures"])
    assert published_captioners() == set(CONFIG["captions"]["captioners"])
    assert published_captioner("real", "grammar_text") == {}
    assert published_subset("conditional") == {}
