"""The legend: codes to classes, colours, and what it refuses."""

import json
from typing import Any

import numpy as np
import pytest

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.landcover import MAX_CLASSES, UNLABELLED, Legend

SECTION: dict[str, Any] = {
    "no_data": [0],
    "classes": [
        {"name": "tree", "codes": [10, 95], "color": [0, 100, 0]},
        {"name": "water", "codes": [80], "color": [0, 0, 255]},
    ],
}


def test_json_text_and_section_give_the_same_legend() -> None:
    assert Legend.from_json(json.dumps(SECTION)) == Legend.from_json(SECTION)


def test_codes_are_merged_and_no_data_is_unlabelled() -> None:
    codes = np.array([[10, 95], [80, 0]], np.uint8)
    mask = Legend.from_json(SECTION).encode(codes, "labels.tif")
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[0, 0], [1, UNLABELLED]]


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int64, np.float32, np.float64])
def test_wider_codes_are_read_as_they_are(dtype: type) -> None:
    codes: np.ndarray = np.array([10, 80, 0]).astype(dtype)
    assert Legend.from_json(SECTION).encode(codes, "x").tolist() == [0, 1, UNLABELLED]


@pytest.mark.parametrize(
    ("codes", "named"),
    [
        (np.array([10, 30, 40], np.uint8), "30, 40"),
        (np.array([10, 266], np.int16), "266"),  # 266 would be 10 in eight bits
        (np.array([10, -1], np.int16), "-1"),
        (np.array([10, 80.5]), "80.5"),
        (np.array([10, np.nan]), "nan"),
    ],
)
def test_codes_outside_the_legend_are_named_with_the_file(codes: np.ndarray, named: str) -> None:
    with pytest.raises(InputError, match=r"labels\.tif holds .*" + named):
        Legend.from_json(SECTION).encode(codes, "labels.tif")


def test_a_legend_without_no_data_codes_knows_none() -> None:
    legend = Legend.from_json({**SECTION, "no_data": []})
    with pytest.raises(InputError, match="codes 0"):
        legend.encode(np.array([0, 10], np.uint8), "labels.tif")


def test_an_empty_raster_has_an_empty_mask() -> None:
    assert Legend.from_json(SECTION).encode(np.zeros((0, 4), np.uint8), "x").shape == (0, 4)


def test_colours_belong_to_classes_and_black_to_the_rest() -> None:
    drawn = Legend.from_json(SECTION).colorize(np.array([[0, 1, UNLABELLED]], np.uint8))
    assert drawn.tolist() == [[[0, 100, 0], [0, 0, 255], [0, 0, 0]]]


def test_a_legend_without_colours_computes_and_is_not_drawn() -> None:
    classes = [{"name": c["name"], "codes": c["codes"]} for c in SECTION["classes"]]
    plain = {**SECTION, "classes": classes}
    legend = Legend.from_json(plain)
    assert legend.encode(np.array([95, 80], np.uint8), "x").tolist() == [0, 1]
    with pytest.raises(ConfigurationError, match="'tree' no color to be drawn in"):
        legend.colorize(np.zeros((2, 2), np.uint8))
    colors = {"tree": [0, 100, 0], "water": [0, 0, 255]}
    assert Legend.from_json(plain, colors) == Legend.from_json(SECTION)
    red = Legend.from_json(SECTION, {"water": [255, 0, 0]})
    assert (red.color(0), red.color(1)) == ((0, 100, 0), (255, 0, 0))


def test_classes_are_found_by_name() -> None:
    legend = Legend.from_json(SECTION)
    assert (len(legend), legend.names, legend.index("water")) == (2, ("tree", "water"), 1)
    with pytest.raises(ConfigurationError, match="'ice'; its classes are tree, water"):
        legend.index("ice")


def _classes(*pairs: tuple[str, list[int]]) -> dict[str, Any]:
    return {"classes": [{"name": n, "codes": c, "color": [0, 0, 0]} for n, c in pairs]}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (_classes(("a", [1]), ("a", [2])), "class name a more than once"),
        (_classes(("a", [1, 2]), ("b", [2])), "raster code 2 more than once"),
        (_classes(("a", [0]), ("b", [2])), "raster code 0 more than once"),
        (_classes(("a", [1])), "has 1 classes"),
        (_classes(*((f"c{n}", [n]) for n in range(1, MAX_CLASSES + 2))), "has 255 classes"),
    ],
)
def test_what_cannot_be_a_legend(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Legend.from_json(section)
