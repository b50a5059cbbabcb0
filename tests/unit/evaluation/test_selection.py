"""Grounded selection: each criterion alone, their order, and what a mix makes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groundsynth.errors import InputError
from groundsynth.evaluation.plausibility import nearest_distances, plausible_distance
from groundsynth.evaluation.selection import first_reasons, select_samples
from groundsynth.evaluation.selection_criteria import Criterion
from groundsynth.figures.selection_table import OUTCOMES, write_selections
from groundsynth.landcover import Legend
from groundsynth.tables import SCHEMAS, composition_schema, read_table, write_table

NAMES = ("tree", "crop", "water")
LEGEND: dict[str, Any] = {
    "no_data": [0],
    "classes": [
        {"name": n, "codes": [10 * (i + 1)], "color": [i] * 3} for i, n in enumerate(NAMES)
    ],
}
POPULATION = "unconditional"
IDS = [f"{POPULATION}-{seed:08d}" for seed in range(5)]
KEPT = None
Select = Callable[..., list[str | None]]


def write(path: Path, schema: str, rows: list[dict[str, Any]]) -> list[Path]:
    """A table whose rows leave columns out that do not matter: they are null."""
    columns = {name: [row.get(name) for row in rows] for name in SCHEMAS[schema].names}
    write_table(path, columns, schema, {})
    return [path]


def rows_of(column: str, values: list[Any], **others: Any) -> list[dict[str, Any]]:
    """A row for each sample with a value."""
    return [
        {"population": POPULATION, "id": name, column: value, **others}
        for name, value in zip(IDS, values, strict=False)
    ]


def write_compositions(
    path: Path, population: str, ids: list[str], shares: list[list[float]], unlabelled: float = 0
) -> list[Path]:
    columns: dict[str, Any] = {
        "population": [population] * len(ids),
        "id": ids,
        "mask_source": [""] * len(ids),
        **{f"share_{name}": [row[n] for row in shares] for n, name in enumerate(NAMES)},
        "unlabelled_share": [unlabelled] * len(ids),
    }
    write_table(path, columns, composition_schema(Legend.from_json(LEGEND)), {})
    return [path]


@pytest.fixture
def select(tmp_path: Path) -> Select:
    """Function that selects among the five samples; returns their reasons in order."""
    backwards = [{"sample_id": name, "population": POPULATION} for name in reversed(IDS)]
    index = write(tmp_path / "index.parquet", "synthetic_index", backwards)

    def run(**changes: Any) -> list[str | None]:
        lists = ("confidences", "compositions", "real_compositions", "real_indices", "audits")
        lists += ("groundings", "caption_scores", "captions")
        given: dict[str, Any] = {
            "population": POPULATION,
            "indices": index,
            **{name: [] for name in lists},
            "legend": LEGEND,
            "captioner": "ours",
            "output": tmp_path / "selection.parquet",
        }
        select_samples(**{**given, **changes})
        table = read_table(tmp_path / "selection.parquet", "selection")
        assert table["id"].to_pylist() == IDS
        assert set(table["population"].to_pylist()) == {POPULATION}
        reasons: list[str | None] = table["reason"].to_pylist()
        assert table["kept"].to_pylist() == [reason is None for reason in reasons]
        return reasons

    return run


def test_nothing_asked_keeps_all(select: Select) -> None:
    assert select() == [KEPT] * 5


def test_labeller_confidence(select: Select, tmp_path: Path) -> None:
    rows = rows_of("confidence", [0.5, 0.75, 1.0, 0.25])
    rows.append({"population": "conditional", "id": IDS[4], "confidence": 1.0})
    paths = write(tmp_path / "confidence.parquet", "confidence", rows)
    found = select(confidences=paths, min_confidence=0.5)
    assert found == [KEPT, KEPT, KEPT, "low_confidence", "no_confidence"]


@pytest.mark.parametrize("column", ["precision", "recall"])
def test_grounding_of_the_captioner(select: Select, tmp_path: Path, column: str) -> None:
    rows = rows_of(column, [1.0, 0.5, 0.0, None], captioner="ours")
    rows += rows_of(column, [0.0, 1.0, 1.0, 1.0, 1.0], captioner="theirs")
    paths = write(tmp_path / "grounding.parquet", "grounding", rows)
    found = select(groundings=paths, **{f"min_grounding_{column}": 0.5})
    low, none = f"low_grounding_{column}", f"no_grounding_{column}"
    assert found == [KEPT, KEPT, low, none, none]
    found = select(groundings=paths, **{f"min_grounding_{column}": 0.0})
    assert found == [KEPT, KEPT, KEPT, none, none]


def test_image_text_score(select: Select, tmp_path: Path) -> None:
    first = rows_of("clipscore", [20.0, 19.5], captioner="ours")
    second = rows_of("clipscore", [0.0, 0.0, 30.0, None, 25.0], captioner="ours")[2:]
    paths = write(tmp_path / "a.parquet", "caption_scores", first)
    paths += write(tmp_path / "b.parquet", "caption_scores", second)
    found = select(caption_scores=paths, min_clipscore=20.0)
    assert found == [KEPT, "low_clipscore", KEPT, "no_clipscore", KEPT]


def test_near_duplicates(select: Select, tmp_path: Path) -> None:
    rows = rows_of("near_duplicate", [False, True, False, False])
    paths = write(tmp_path / "audit.parquet", "leak_audit", rows)
    found = select(audits=paths, drop_near_duplicates=True)
    assert found == [KEPT, "near_duplicate", KEPT, KEPT, "no_audit"]


def test_the_first_of_equal_captions_is_kept(select: Select, tmp_path: Path) -> None:
    texts = ["Forest.", "Forest.", "forest.", "Lake.", None]
    rows = rows_of("caption", texts, captioner="ours", status="ok")
    rows[3]["status"] = "error"
    rows += rows_of("caption", ["Lake."] * 5, captioner="theirs", status="ok")
    paths = write(tmp_path / "captions.parquet", "captions", rows)
    found = select(captions=paths, drop_repeated_captions=True)
    assert found == [KEPT, "repeated_caption", KEPT, "no_caption", "no_caption"]


def test_a_caption_counts_as_repeated_only_beside_a_kept_one(
    select: Select, tmp_path: Path
) -> None:
    rows = rows_of("caption", ["Lake."] * 5, captioner="ours", status="ok")
    captions = write(tmp_path / "captions.parquet", "captions", rows)
    rows = rows_of("confidence", [0.1, 0.9, 0.9, 0.1, 0.9])
    confidences = write(tmp_path / "confidence.parquet", "confidence", rows)
    found = select(
        captions=captions,
        drop_repeated_captions=True,
        confidences=confidences,
        min_confidence=0.5,
    )
    low, again = "low_confidence", "repeated_caption"
    assert found == [low, KEPT, again, low, again]


def test_plausible_compositions_are_near_real_training_ones(select: Select, tmp_path: Path) -> None:
    real = ["a", "b", "c", "d", "held-out"]
    shares = [[100, 0, 0], [95, 5, 0], [50, 50, 0], [40, 60, 0], [0, 0, 100]]
    splits = ["train"] * 4 + ["test"]
    index = [{"patch_id": name, "split": split} for name, split in zip(real, splits, strict=True)]
    given: dict[str, Any] = {
        "real_indices": write(tmp_path / "real.index.parquet", "real_index", index),
        "real_compositions": write_compositions(tmp_path / "real.parquet", "real", real, shares),
        "compositions": [
            # nearest real ones: 10 (a, b both), 20.2 (d), 180 (d); the test patch counts for none
            *write_compositions(
                tmp_path / "a.parquet",
                POPULATION,
                IDS[:3],
                [[97.5, 0, 2.5], [40, 49.9, 10.1], [0, 0, 100]],
            ),
            *write_compositions(
                tmp_path / "b.parquet", POPULATION, IDS[3:4], [[100, 0, 0]], unlabelled=100
            ),
        ],
    }
    # each train patch's nearest other one: 10, 10, 20, 20
    far, none = "implausible_composition", "no_composition"
    assert select(**given, plausible_percent=100) == [KEPT, far, far, none, none]
    given["compositions"] += write_compositions(
        tmp_path / "c.parquet", POPULATION, IDS[1:2], [[40, 50, 10]]
    )
    assert select(**given, plausible_percent=100) == [KEPT, KEPT, far, none, none]
    assert select(**given, plausible_percent=30) == [KEPT, far, far, none, none]


def test_plausible_distances_are_those_of_a_plain_search() -> None:
    random = np.random.default_rng(5)
    real, samples = (100 * random.dirichlet([0.4] * 4, count) for count in (60, 40))
    apart = np.abs(samples[:, None] - real[None]).sum(2)
    assert nearest_distances(samples, real) == pytest.approx(apart.min(1))
    among = np.abs(real[:, None] - real[None]).sum(2) + 1e9 * np.eye(60)
    assert plausible_distance(real, 90) == pytest.approx(np.percentile(among.min(1), 90))
    with pytest.raises(InputError, match="train split has 1 labelled patches"):
        plausible_distance(real[:1], 90)


def test_the_first_failing_criterion_is_the_reason() -> None:
    first = Criterion("confidence", "low_confidence", {"a": 0.1, "b": 0.9, "d": 0.9}, 0.5)
    second = Criterion("audit", "near_duplicate", {"a": 1, "b": 1, "c": 1, "d": 0}, most=0)
    found = first_reasons(["d", "c", "b", "a"], [first, second], {"a": "x"})
    assert list(found.items()) == [
        ("a", "low_confidence"),
        ("b", "near_duplicate"),
        ("c", "no_confidence"),
        ("d", "no_caption"),
    ]
    assert first_reasons(["d"], [second, first]) == {"d": None}


def test_criteria_are_asked_in_the_order_of_the_outcomes(select: Select, tmp_path: Path) -> None:
    """All tables are empty, so that each criterion fails by its missing score."""
    asked: list[tuple[str, dict[str, Any]]] = [
        ("no_confidence", {"min_confidence": 0.5}),
        ("no_audit", {"drop_near_duplicates": True}),
        ("no_grounding_precision", {"min_grounding_precision": 0.5}),
        ("no_grounding_recall", {"min_grounding_recall": 0.5}),
        ("no_clipscore", {"min_clipscore": 20.0}),
        ("no_caption", {"drop_repeated_captions": True}),
    ]
    assert [name for name in OUTCOMES if name in dict(asked)] == [name for name, _ in asked]
    for place, (reason, _) in enumerate(asked):
        options = {name: value for _, one in asked[place:] for name, value in one.items()}
        assert select(**options) == [reason] * 5


def test_a_sample_that_stands_twice_is_an_error(select: Select, tmp_path: Path) -> None:
    rows = [{"sample_id": IDS[0], "population": POPULATION}]
    paths = [*write(tmp_path / "a.parquet", "synthetic_index", rows)] * 2
    with pytest.raises(InputError, match="hold a sample twice"):
        select(indices=paths)


def test_retention_is_counted_by_reason(select: Select, tmp_path: Path) -> None:
    rows = rows_of("confidence", [0.1, 0.9, 0.2, 0.9])
    confidences = write(tmp_path / "confidence.parquet", "confidence", rows)
    select(confidences=confidences, min_confidence=0.5)
    write_selections([tmp_path / "selection.parquet"], tmp_path)
    lines = (tmp_path / "selection.csv").read_text().splitlines()
    assert lines == [
        "population,outcome,samples,percent",
        "unconditional,kept,2,40.0",
        "unconditional,no_confidence,1,20.0",
        "unconditional,low_confidence,2,40.0",
    ]
    text = (tmp_path / "selection.md").read_text()
    assert text.endswith("\n\nSelection: min confidence 0.5 (captions of ours).\n")


def test_an_unknown_reason_is_refused(tmp_path: Path) -> None:
    columns = {"population": ["p"], "id": ["a"], "kept": [False], "reason": ["a whim"]}
    write_table(tmp_path / "selection.parquet", columns, "selection", {})
    with pytest.raises(InputError, match="a whim"):
        write_selections([tmp_path / "selection.parquet"], tmp_path)
    assert not (tmp_path / "selection.csv").exists()
