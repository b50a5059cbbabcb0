"""The verb ``compare-discriminators``: which one makes images that obey maps and look real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groundsynth.errors import InputError
from groundsynth.figures.columns import IOU_PREFIX, discriminator_columns
from groundsynth.figures.discriminator_sheet import draw_discriminators
from groundsynth.figures.style import save_figure, styled
from groundsynth.figures.table_files import Row, write_csv, write_markdown
from groundsynth.files import read_json
from groundsynth.landcover import Legend

REAL = "none (real images)"
"""Name of the row that holds what the segmenter and the distances make of the real images."""

NOTE = (
    "IoU in percent: a segmenter trained on real patches alone, on images of maps that no "
    "generator has seen, against these maps. Fréchet distances and the distance between samples "
    "of one map are in that segmenter's features; grey levels reach from 0 to 255."
)


def compare_discriminators(
    *,
    fidelities: list[Path],
    examples: list[Path],
    images: list[Path],
    masks: list[Path],
    indices: list[Path],
    legend: dict[str, Any],
    table: Path,
    text: Path,
    figure: Path,
) -> None:
    """Write the comparison of conditional generators by their discriminators.

    Reads what measure-mask-fidelity wrote for each (``fidelities`` JSON and ``examples`` uint8
    (n, H, W, 3), in the same order) and the real shards. Writes ``table`` (CSV, every digit),
    ``text`` (Markdown, rounded, with the conclusion) and ``figure`` (PNG; rows: maps, real
    images, samples against each discriminator).
    """
    classes = Legend.from_json(legend)
    found = [read_json(path) for path in fidelities]
    rows = comparison_rows(found, classes.names, fidelities)
    columns = discriminator_columns(classes.names)
    write_csv(table, list(columns), rows)
    write_markdown(text, columns, rows, f"{conclusion(rows)} {NOTE}")
    names = [record["discriminator"] for record in found]
    with styled():
        sheet = draw_discriminators(
            dict(zip(names, examples, strict=True)),
            found[0]["shown"],
            images,
            masks,
            indices,
            classes,
        )
        save_figure(sheet, figure)


def comparison_rows(
    found: Sequence[Mapping[str, Any]], names: Sequence[str], paths: Sequence[Path]
) -> list[Row]:
    """One row a discriminator, and one of the real images; figures are compared like with like.

    Raises InputError where the measurements are not of the same maps by the same segmenter.
    """
    first = found[0]
    for record, path in zip(found, paths, strict=True):
        for key in ("segmenter_digest", "masks", "shown", "images", "train_patches"):
            if record[key] != first[key]:
                raise InputError(
                    f"{path} and {paths[0]} differ in {key}, so they cannot be compared; delete "
                    "them and measure again."
                )
    rows = [
        {
            "discriminator": record["discriminator"],
            "kimg": record["images"] / 1000,
            "samples": record["samples"],
            **_percent(record, names),
            **{name: record[name] for name in ("distance_test", "distance_train")},
            **{name: record[name] for name in ("feature_diversity", "pixel_diversity")},
        }
        for record in found
    ]
    real = {
        "discriminator": REAL,
        "kimg": None,
        "samples": first["masks"],
        **_percent(first["real"], names),
        "distance_test": None,
        "distance_train": first["real_distance_train"],
        "feature_diversity": None,
        "pixel_diversity": None,
    }
    return [*rows, real]


def _percent(record: Mapping[str, Any], names: Sequence[str]) -> dict[str, float | None]:
    by_class = {IOU_PREFIX + name: record["iou"][name] for name in names}
    values = {"miou": record["miou"], **by_class}
    return {name: None if value is None else 100 * value for name, value in values.items()}


def conclusion(rows: Sequence[Mapping[str, Any]]) -> str:
    """Which discriminator wins, in words, from the rows of the table; empty below two."""
    compared = [row for row in rows if row["discriminator"] != REAL]
    if len(compared) < 2:
        return ""
    (real,) = [row for row in rows if row["discriminator"] == REAL]
    faithful = sorted(compared, key=lambda row: -float(row["miou"]))
    near = sorted(compared, key=lambda row: float(row["distance_test"]))
    by_map = _listed(faithful, "miou", "{:.1f}%")
    by_look = _listed(near, "distance_test", "{:.3g}")
    one = faithful[0]["discriminator"] == near[0]["discriminator"]
    sentence = (
        f"By fidelity to the map {faithful[0]['discriminator']} wins (mean IoU {by_map}; "
        f"{float(real['miou']):.1f}% on the real images of these maps), by Fréchet distance to "
        f"these images {'the same' if one else near[0]['discriminator']} ({by_look})"
    )
    end = "." if one else ": no discriminator wins by both."
    if float(faithful[0]["miou"]) > float(real["miou"]):
        end += (
            " A mean IoU above that of the real images means samples that are more typical of "
            "their classes than real land is."
        )
    kimg = float(faithful[0]["kimg"])
    return (
        f"{sentence}{end} One training each, of {kimg:,.3g} thousand images, and "
        f"{int(real['samples']):,} held-out maps: figures without intervals."
    )


def _listed(rows: Sequence[Mapping[str, Any]], column: str, form: str) -> str:
    return ", ".join(f"{row['discriminator']} {form.format(float(row[column]))}" for row in rows)
