"""Every rule of the demonstration once, for real: five classes and both synthetic populations."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

CLASSES = ("forest", "open land", "field", "built-up", "bare & <wet>")
SAMPLES = {"unconditional": 6, "conditional": 6}


@pytest.fixture(scope="module")
def results(run_workflow: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of results of the finished run."""
    run = tmp_path_factory.mktemp("whole_chain") / "run"
    run_workflow(Path(__file__).with_name("whole_chain.yaml"), run)
    assert not [path for path in (run / "work").rglob("*") if path.is_file()]
    return run / "results"


def table(results: Path, pattern: str) -> pa.Table:
    """All tables of a pattern under the results as one."""
    return pa.concat_tables([pq.read_table(path) for path in sorted(results.glob(pattern))])


def rows(results: Path, name: str) -> list[dict[str, str]]:
    """Rows of a result table."""
    with (results / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def ids_of(results: Path, population: str) -> list[str]:
    """Identifiers of a population's images, from its index."""
    if population == "real":
        return list(pq.read_table(results / "patches" / "index.parquet")["patch_id"].to_pylist())
    index = table(results, f"synthesis/{population}/*.index.parquet")
    return list(index["sample_id"].to_pylist())


def test_both_populations_have_images_and_masks(results: Path) -> None:
    for population, count in SAMPLES.items():
        images = sorted((results / "synthesis" / population).glob("*.images.npy"))
        masks = sorted((results / "labels" / population).glob("*.masks.npy"))
        shapes = [(np.load(i).shape, np.load(m)) for i, m in zip(images, masks, strict=True)]
        assert sum(shape[0] for shape, _ in shapes) == count
        assert all(shape[:3] == mask.shape for shape, mask in shapes)
        assert all(set(np.unique(mask)) <= {*range(len(CLASSES)), 255} for _, mask in shapes)
        assert len(set(ids_of(results, population))) == count


def test_conditional_samples_take_masks_of_the_train_split(results: Path) -> None:
    index = pq.read_table(results / "patches" / "index.parquet", columns=["patch_id", "split"])
    split = dict(zip(*(index[name].to_pylist() for name in index.column_names), strict=True))
    made = table(results, "synthesis/conditional/*.index.parquet")
    assert {split[patch] for patch in made["condition_patch_id"].to_pylist()} == {"train"}


def test_shares_of_the_classes_sum_to_a_hundred(results: Path) -> None:
    names = [f"share_{name}" for name in CLASSES]
    for population in ("real", *SAMPLES):
        shares = table(results, f"composition/{population}/*.parquet")
        assert shares["id"].to_pylist() == ids_of(results, population)
        values = np.array([shares[name].to_pylist() for name in names], float)
        np.testing.assert_allclose(np.nansum(values, axis=0), 100, atol=1e-3)


@pytest.mark.parametrize("captioner", ["grammar_text", "grammar_hybrid"])
@pytest.mark.parametrize("population", ["real", "unconditional"])
def test_every_image_has_a_caption(results: Path, captioner: str, population: str) -> None:
    captions = table(results, f"captions/{captioner}/{population}/*.parquet")
    assert captions["id"].to_pylist() == ids_of(results, population)
    assert set(captions["status"].to_pylist()) == {"ok"}
    assert all(captions["caption"].to_pylist())
    scores = table(results, f"scores/captions/{population}/*.parquet").to_pylist()
    scored = [row["id"] for row in scores if row["captioner"] == captioner]
    assert sorted(scored) == sorted(captions["id"].to_pylist())


def test_every_cell_is_tested_on_the_same_patches(results: Path) -> None:
    index = pq.read_table(results / "patches" / "index.parquet", columns=["patch_id", "split"])
    test = {row["patch_id"] for row in index.to_pylist() if row["split"] == "test"}
    for mix in ("real", "real+synthetic"):
        confusion = table(results, f"segmentation/{mix}/fpn/1/confusion.parquet")
        assert set(confusion["patch_id"].to_pylist()) == test
        counts = np.array(confusion["counts"].to_pylist())
        assert counts.shape == (len(test), len(CLASSES) ** 2)
        assert (counts.sum(axis=1) <= 32 * 32).all()
        assert counts.sum() > 0


def test_training_in_slots_leaves_receipts_and_a_history(results: Path) -> None:
    first = json.loads((results / "gan" / "unconditional" / "slots" / "1.json").read_text("utf-8"))
    assert first["slot"] == 1
    for population in SAMPLES:
        history = pq.read_table(results / "gan" / population / "history.parquet").to_pylist()
        steps = [(row["step"], row["name"]) for row in history]
        assert len(set(steps)) == len(steps) > 0
        assert all(np.isfinite(row["value"]) for row in history)


def test_distances_and_projections(results: Path) -> None:
    for population, count in SAMPLES.items():
        path = results / "distances" / "segmenter" / f"{population}.json"
        found = json.loads(path.read_text("utf-8"))
        assert found["counts"]["synthetic"] == count
        for measures in (found, found["untrained"], found["floor"]):
            assert measures["distance"] >= 0
            assert np.isfinite(measures["kernel_distance"])
    places = pq.read_table(results / "projection" / "tsne.parquet")
    everything = [name for p in ("real", *SAMPLES) for name in ids_of(results, p)]
    assert sorted(places["id"].to_pylist()) == sorted(everything)


def test_tables_have_their_rows(results: Path) -> None:
    assert [row["mix"] for row in rows(results, "table3")] == ["real", "real+synthetic"]
    assert {f"f1_{name}" for name in CLASSES} <= rows(results, "table4")[0].keys()
    assert {row["captioner"] for row in rows(results, "table2")} == {
        "grammar_text",
        "grammar_hybrid",
    }
    assert {row["subset"] for row in rows(results, "table1")} >= {"all", "real"}
    assert {row["population"] for row in rows(results, "distances")} == {"real", *SAMPLES}
    assert {row["class"] for row in rows(results, "composition")} >= set(CLASSES)


def test_the_report_shows_everything_and_reads_nothing_from_elsewhere(results: Path) -> None:
    page = (results / "report" / "index.html").read_text("utf-8")
    assert "whole-chain" in page
    assert "bare &amp; &lt;wet&gt;" in page
    assert "<wet>" not in page
    pictures = re.findall(r"<img[^>]*\bsrc=[\"']([^\"']+)", page)
    assert len(pictures) >= 5
    outside: list[Any] = [source for source in pictures if not source.startswith("data:")]
    assert all((results / "report" / source).is_file() for source in outside)
    headline = json.loads((results / "report" / "headline.json").read_text("utf-8"))
    assert headline["figures"]
