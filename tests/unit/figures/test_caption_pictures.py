"""The picture of the captions: lengths, and classes named beside those that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.text import Text

from groundsynth.figures.caption_pictures import caption_lengths, class_mentions, draw_captions
from groundsynth.landcover import Legend
from groundsynth.tables import write_table


def write_captions(path: Path, population: str, rows: list[tuple[str, str]]) -> Path:
    """A captions table of (caption, status) rows."""
    count = len(rows)
    columns = {
        "population": [population] * count,
        "id": [f"{population}-{n}" for n in range(count)],
        "captioner": ["one"] * count,
        "caption": [caption for caption, _ in rows],
        "raw": [caption for caption, _ in rows],
        "status": [status for _, status in rows],
        "tokens": [1] * count,
        "seed": [1] * count,
    }
    texts = ("prompt_version", "model", "revision", "engine", "engine_version")
    write_table(path, {**columns, **{name: ["x"] * count for name in texts}}, "captions", {})
    return path


def write_grounding(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A grounding table of rows that name their lists of classes; one without is not scored."""
    lists = ("found", "invented", "missed", "denied", "understated")
    count = len(rows)
    columns: dict[str, Any] = {
        "population": ["real"] * count,
        "id": [str(n) for n in range(count)],
        "captioner": ["one"] * count,
        **{name: [row.get(name, [] if row else None) for row in rows] for name in lists},
        **{name: [None] * count for name in ("precision", "recall", "order_agreement")},
        "dominant": [None] * count,
        "dominant_correct": [None] * count,
        "percent_errors": [[] if row else None for row in rows],
    }
    write_table(path, columns, "grounding", {})
    return path


def test_words_are_counted_in_captions_alone(tmp_path: Path) -> None:
    synthetic = write_captions(
        tmp_path / "a.parquet", "conditional", [("one two", "ok"), ("", "empty"), ("x", "error")]
    )
    real = write_captions(
        tmp_path / "b.parquet", "real", [("a b c", "ok"), ("d e f", "ok"), ("g", "truncated")]
    )
    found = caption_lengths([synthetic, real])
    assert list(found) == [("one", "real"), ("one", "conditional")]
    assert found["one", "real"] == {3: 2, 1: 1}
    assert found["one", "conditional"] == {2: 1}


def test_classes_named_and_there(tmp_path: Path) -> None:
    rows = [
        {"found": ["tree"], "invented": ["water"]},
        {"found": ["tree", "crop"], "missed": ["grass"]},
        {},
    ]
    path = write_grounding(tmp_path / "g.parquet", rows)
    count, named, there = class_mentions([path])["one"]
    assert count == 2
    assert named == {"tree": 2, "crop": 1, "water": 1}
    assert there == {"tree": 2, "crop": 1, "grass": 1}


def test_dots_stand_at_the_share_of_captions(tmp_path: Path, legend: dict[str, Any]) -> None:
    captions = write_captions(tmp_path / "c.parquet", "real", [("a b", "ok"), ("c d", "ok")])
    names = Legend.from_json(legend).names
    grounding = write_grounding(
        tmp_path / "g.parquet",
        [
            {"found": [names[0]], "invented": [names[1]]},
            {"found": [names[0]], "missed": [names[2]]},
        ],
    )
    figure = draw_captions([captions], [grounding], Legend.from_json(legend))
    said = np.asarray(figure.axes[1].lines[0].get_ydata())
    assert said[:3].tolist() == [100, 50, 0]
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    assert heights[:3] == [100, 0, 50]


def test_without_groundings_only_lengths_and_without_captions_a_sentence(
    tmp_path: Path, legend: dict[str, Any]
) -> None:
    captions = write_captions(tmp_path / "c.parquet", "real", [("a b", "ok")])
    assert len(draw_captions([captions], [], Legend.from_json(legend)).axes) == 1
    nothing = draw_captions([], [], Legend.from_json(legend))
    assert "no captions" in " ".join(text.get_text() for text in nothing.findobj(Text))
