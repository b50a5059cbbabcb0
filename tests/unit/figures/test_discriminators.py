"""The comparison of discriminators: table, conclusion and picture."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from groundsynth.errors import InputError
from groundsynth.figures.discriminators import (
    REAL,
    compare_discriminators,
    comparison_rows,
    conclusion,
)
from groundsynth.files import write_json
from groundsynth.shards import write_array

from .conftest import NAMES, SIZE
from .test_page import write

SHOWN = 3


def record(name: str, miou: float, distance: float) -> dict[str, Any]:
    return {
        "discriminator": name,
        "images": 5000,
        "masks": 40,
        "samples": 160,
        "train_patches": 90,
        "miou": miou,
        "iou": dict(zip(NAMES, (miou, None, 0.25), strict=True)),
        "real": {"miou": 0.7, "iou": dict.fromkeys(NAMES, 0.7)},
        "distance_test": distance,
        "distance_train": distance + 1,
        "real_distance_train": 2.5,
        "feature_diversity": 3.25,
        "pixel_diversity": 12.0,
        "segmenter_digest": "abc",
        "shown": [],
    }


def rows_of(*found: dict[str, Any]) -> Any:
    return comparison_rows(found, NAMES, [Path(f"{r['discriminator']}.json") for r in found])


def test_one_wins_by_both() -> None:
    rows = rows_of(record("patch", 0.3, 90.0), record("segmentation", 0.65, 12.5))
    text = conclusion(rows)
    assert "By fidelity to the map segmentation wins (mean IoU segmentation 65.0%, patch" in text
    assert "70.0% on the real images" in text
    assert "to these images the same (segmentation 12.5, patch 90)." in text
    assert "5 thousand images, and 40 held-out maps: figures without intervals." in text
    assert "more typical" not in text


def test_none_wins_by_both() -> None:
    rows = rows_of(record("unet", 0.5, 10.0), record("segmentation", 0.75, 12.0))
    text = conclusion(rows)
    assert "to these images unet (unet 10, segmentation 12): no discriminator wins by both." in text
    assert "more typical of their classes than real land is" in text
    assert conclusion(rows_of(record("unet", 0.5, 10.0))) == ""


def test_unlike_measurements_are_not_compared() -> None:
    for key, value in (("segmenter_digest", "x"), ("masks", 7), ("images", 1), ("shown", ["p"])):
        other = record("unet", 0.5, 1.0) | {key: value}
        with pytest.raises(InputError, match=rf"unet.json and patch.json differ in {key}"):
            rows_of(record("patch", 0.5, 1.0), other)


@pytest.fixture
def compared(bare_run: Any, legend: dict[str, Any]) -> dict[str, Any]:
    """Arguments of the verb: two discriminators on the patches of the small run."""
    shown = bare_run.ids["real"][:SHOWN]
    fidelities, examples = [], []
    for n, found in enumerate((record("patch", 0.3, 90.0), record("unet", 0.6, 8.0))):
        fidelities.append(bare_run.folder / f"{n}.json")
        examples.append(bare_run.folder / f"{n}.npy")
        write_json(fidelities[-1], {**found, "shown": shown})
        write_array(examples[-1], np.full((SHOWN, SIZE, SIZE, 3), 90 * n, np.uint8))
    return {
        "fidelities": fidelities,
        "examples": examples,
        "images": bare_run.images["real"],
        "masks": bare_run.masks["real"],
        "indices": bare_run.indices["real"],
        "legend": legend,
        "table": bare_run.folder / "discriminators.csv",
        "text": bare_run.folder / "discriminators.md",
        "figure": bare_run.folder / "discriminators.png",
    }


def test_the_verb_writes_table_text_and_picture(compared: dict[str, Any]) -> None:
    compare_discriminators(**compared)
    with compared["table"].open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["discriminator"] for row in rows] == ["patch", "unet", REAL]
    assert (rows[1]["miou"], rows[1]["kimg"], rows[1]["samples"]) == ("60.0", "5.0", "160")
    assert rows[0][f"iou_{NAMES[1]}"] == ""
    assert (rows[2]["distance_test"], rows[2]["distance_train"]) == ("", "2.5")
    text = compared["text"].read_text("utf-8")
    assert "unet wins" in text
    assert "| Discriminator | Thousand images |" in text
    picture = imread(compared["figure"])
    assert picture.std() > 0.05
    again = compared | {"figure": compared["figure"].with_name("again.png")}
    compare_discriminators(**again)
    assert again["figure"].read_bytes() == compared["figure"].read_bytes()


def test_examples_that_do_not_fit(compared: dict[str, Any]) -> None:
    write_array(compared["examples"][1], np.zeros((SHOWN + 1, SIZE, SIZE, 3), np.uint8))
    with pytest.raises(InputError, match=r"1.npy holds 4 samples for 3 maps"):
        compare_discriminators(**compared)
    write_json(compared["fidelities"][1], record("unet", 0.6, 8.0) | {"shown": ["nowhere"]})
    write_json(compared["fidelities"][0], record("patch", 0.6, 8.0) | {"shown": ["nowhere"]})
    with pytest.raises(InputError, match="No index lists the patch nowhere"):
        compare_discriminators(**compared)


def test_the_report_shows_the_comparison(
    compared: dict[str, Any], bare_run: Any, legend: dict[str, Any]
) -> None:
    page, _ = write(bare_run, legend)
    assert "Discriminators</h3>" not in page.read_text("utf-8")
    tables, figures = (bare_run.folder / "results" / name for name in ("tables", "figures"))
    places = {
        "table": tables / "discriminators.csv",
        "text": tables / "discriminators.md",
        "figure": figures / "discriminators.png",
    }
    compare_discriminators(**compared | places)
    text = write(bare_run, legend)[0].read_text("utf-8")
    assert "Discriminators</h3>" in text
    assert "By fidelity to the map unet wins" in text
    assert "Rows of land-cover maps, their real images" in text
    assert '<th scope="col" class="number">Mean IoU (%)</th>' in text
    assert '<td class="number">60.00</td>' in text
