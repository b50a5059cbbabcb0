"""The few figures that say how a run went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from groundsynth.figures.distance_tables import SAMPLES, TEST
from groundsynth.figures.table_files import readable

Rows = Sequence[Mapping[str, str]]
MOST = 4
PUBLISHED = "inception"
FEATURES = {
    "inception": "Inception features",
    "dinov2": "DINOv2 features",
    "segmenter": "features of the run's own segmentation model",
}


def headline_figures(
    tables: Mapping[str, Rows], splits: Rows, configuration: Any
) -> list[dict[str, Any]]:
    """At most four figures ({name, value, unit}) from the result tables, the telling ones first.

    F1 of the best model trained on real patches alone, Fréchet distance of each synthetic
    population, redundancy of the captions, number of patches. A distance also has its ``images``
    and the ``floor`` ({value, images}): what the real test split reaches, None without one.
    """
    found = [
        _best_real(tables.get("table3", ()), configuration),
        *_distances(_of_one_extractor(tables.get("distances", ()))),
        _redundancy(tables.get("table1", ())),
        _patches(splits),
    ]
    return [figure for figure in found if figure is not None][:MOST]


def best_cell(rows: Rows, mixes: Sequence[str] | set[str]) -> Mapping[str, str] | None:
    """The row of table 3 with the highest F1 among the given mixes; None without any.

    It is a single architecture: no mean over several is above the best of them, which come first.
    """
    found = [r for r in rows if r["mix"] in mixes and r["f1"]]
    return max(found, key=lambda row: float(row["f1"]), default=None)


def mixes_of(configuration: Any) -> tuple[set[str], set[str]]:
    """Names of the mixes (of real patches alone, with synthetic samples) in the configuration."""
    definitions = configuration["segmentation"]["mix_definitions"]
    synthetic = {
        name
        for name, parts in definitions.items()
        if parts["unconditional"] or parts["conditional"]
    }
    return set(definitions) - synthetic, synthetic


def _best_real(rows: Rows, configuration: Any) -> dict[str, Any] | None:
    best = best_cell(rows, mixes_of(configuration)[0])
    if best is None:
        return None
    name = f"Macro F1 on the real test split ({best['architecture']}, real patches only)"
    return {"name": name, "value": float(best["f1"]), "unit": "%"}


def _of_one_extractor(rows: Rows) -> Rows:
    """The rows in Inception's features, which publications use; else in the first ones."""
    names = [row["extractor"] for row in rows]
    chosen = PUBLISHED if PUBLISHED in names else next(iter(names), "")
    return [row for row in rows if row["extractor"] == chosen]


def _distances(rows: Rows) -> list[dict[str, Any]]:
    """Figures of the samples' distances, each with what real images reach at their number.

    Not in percent of an untrained generator's, of which any picture with colours is a fraction.
    """
    floor = next((_measured(row) for row in rows if row["compared"] == TEST), None)
    return [
        {
            "name": f"Fréchet distance, {row['population']} samples ({_features(row)})",
            "unit": "",
            **_measured(row),
            "floor": floor,
        }
        for row in rows
        if row["compared"] == SAMPLES
    ]


def _measured(row: Mapping[str, str]) -> dict[str, Any]:
    return {"value": float(row["distance"]), "images": int(row["images"])}


def _features(row: Mapping[str, str]) -> str:
    return FEATURES.get(row["extractor"], f"features of {row['extractor']}")


def _redundancy(rows: Rows) -> dict[str, Any] | None:
    values = [row["redundancy_percent"] for row in rows if row["subset"] == "all"]
    if not values or not values[0]:
        return None
    return {"name": "Caption redundancy (exact strings)", "value": float(values[0]), "unit": "%"}


def _patches(splits: Rows) -> dict[str, Any]:
    count = sum(int(row["patches"]) for row in splits)
    return {"name": "Real patches", "value": count, "unit": "patches"}


def spoken(figure: Mapping[str, Any]) -> dict[str, str]:
    """A headline figure as text: name, value (with its %), unit, and the remark about it.

    The remark names the numbers of images, because few make a Fréchet distance too large.
    """
    column = "distance" if "floor" in figure else ""
    value, unit = readable(figure["value"], column), figure["unit"]
    if unit == "%":
        value, unit = f"{value}%", ""
    return {"name": figure["name"], "value": value, "unit": unit, "remark": _remark(figure)}


def _remark(figure: Mapping[str, Any]) -> str:
    if "floor" not in figure:
        return ""
    floor, samples = figure["floor"], f"{figure['images']:,} samples"
    if floor is None:
        return f"{samples}; no real test images to compare with"
    return (
        f"{samples}; {floor['images']:,} real test images: {readable(floor['value'], 'distance')}"
    )
