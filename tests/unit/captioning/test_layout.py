"""Layout of maps: hand-made cases, and statements that must be true of random maps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from groundsynth.captioning.courses import find_course
from groundsynth.captioning.layout import Place, analyse_layout, find_place

SIZE = 40


def blank() -> np.ndarray:
    return np.zeros((SIZE, SIZE), np.uint8)


def box(rows: slice, columns: slice, value: int = 1) -> np.ndarray:
    mask = blank()
    mask[rows, columns] = value
    return mask


ALL = slice(None)
PLACES = [
    (slice(0, 8), ALL, Place("edge", "north")),
    (slice(-8, None), ALL, Place("edge", "south")),
    (ALL, slice(0, 8), Place("edge", "west")),
    (ALL, slice(-8, None), Place("edge", "east")),
    (slice(0, 10), slice(0, 10), Place("corner", "north-west")),
    (slice(-10, None), slice(-10, None), Place("corner", "south-east")),
    (slice(22, 36), slice(2, 18), Place("corner", "south-west")),
    (slice(13, 19), slice(22, 28), Place("centre")),
    (slice(3, 19), slice(5, 35), Place("half", "north")),
    (slice(5, 35), slice(20, 38), Place("half", "east")),
]


@pytest.mark.parametrize(("rows", "columns", "expected"), PLACES)
def test_place_of_a_box(rows: slice, columns: slice, expected: Place) -> None:
    assert find_place(box(rows, columns) == 1) == expected


def test_place_of_a_frame_and_of_dots() -> None:
    frame = box(ALL, ALL)
    frame[5:-5, 5:-5] = 0
    assert find_place(frame == 1) == Place("rim")
    dots = blank()
    dots[2::4, 2::4] = 1
    assert find_place(dots == 1) == Place("throughout")


def test_directions_turn_with_the_map() -> None:
    member = box(slice(0, 10), slice(0, 10)) == 1
    found = [find_place(np.rot90(member, turn)) for turn in range(4)]
    assert [p.direction if p else "" for p in found] == [
        "north-west",
        "south-west",
        "south-east",
        "north-east",
    ]


def test_river_from_north_to_south() -> None:
    mask = blank()
    for row in range(SIZE):
        column = int(20 + 9 * np.sin(row / 5))
        mask[row, column : column + 2] = 6
    (course,) = [c.course for c in analyse_layout(mask).classes if c.index == 6]
    assert course is not None
    assert (course.kind, course.ends, course.at_edges) == ("line", ("north", "south"), True)
    assert course.winding


def test_straight_band_and_diagonal() -> None:
    band = find_course(box(slice(15, 25), ALL) == 1)
    assert band is not None
    assert (band.kind, band.ends, band.winding) == ("band", ("west", "east"), False)
    diagonal = np.zeros((SIZE, SIZE), bool)
    for i in range(4, SIZE - 4):
        diagonal[i, i - 1 : i + 2] = True
    course = find_course(diagonal)
    assert course is not None
    assert (course.ends, course.at_edges) == (("north-west", "south-east"), False)
    turned = find_course(np.rot90(diagonal))
    assert turned is not None
    assert turned.ends == ("south-west", "north-east")


def test_a_block_is_no_course() -> None:
    assert find_course(box(slice(5, 35), slice(5, 35)) == 1) is None
    assert find_course(box(slice(2, 6), slice(2, 6)) == 1) is None


def test_pieces_ignore_specks() -> None:
    mask = blank()
    mask[2:8, 2:8] = mask[20:26, 20:26] = 1
    mask[38, 38] = 1
    entry = next(c for c in analyse_layout(mask).classes if c.index == 1)
    assert entry.pieces == 2
    assert entry.largest == pytest.approx(36 / 73)


def test_an_island_is_enclosed() -> None:
    mask = box(slice(10, 20), slice(10, 20), 3)
    found = {c.index: c for c in analyse_layout(mask).classes}
    assert found[3].enclosed_by == 0
    assert found[0].enclosed_by is None
    at_edge = box(slice(0, 10), slice(10, 20), 3)
    assert {c.index: c.enclosed_by for c in analyse_layout(at_edge).classes}[3] is None
    mask[:, 20:] = 2  # now it lies between two classes
    assert {c.index: c.enclosed_by for c in analyse_layout(mask).classes}[3] is None


def test_patterns() -> None:
    assert analyse_layout(blank()).pattern == "uniform"
    assert analyse_layout(box(slice(0, 20), ALL)).pattern == "divided"
    cells = np.random.default_rng(0).integers(0, 4, (10, 10))
    board = np.kron(cells, np.ones((4, 4))).astype(np.uint8)
    assert analyse_layout(board).pattern == "mosaic"
    empty = analyse_layout(np.full((8, 8), 255, np.uint8))
    assert (empty.classes, empty.pattern) == ((), "none")


def test_tiny_masks_are_analysed() -> None:
    for size in (1, 2, 3):
        mask = np.arange(size * size, dtype=np.uint8).reshape(size, size) % 2
        assert sum(c.share for c in analyse_layout(mask).classes) == pytest.approx(100)


def test_places_are_true_of_random_maps(noise_maps: Callable[..., np.ndarray]) -> None:
    told = 0
    for mask in noise_maps(150):
        for entry in analyse_layout(mask).classes:
            if entry.place is None or entry.place.kind in ("throughout", "rim"):
                continue
            told += 1
            ys, xs = np.nonzero(mask == entry.index)
            if entry.place.kind == "centre":
                inside = (abs(ys - 23.5) <= 12) & (abs(xs - 23.5) <= 12)
                assert inside.mean() >= 0.75
                continue
            halves = {
                "north": (ys < 24).mean(),
                "south": (ys >= 24).mean(),
                "west": (xs < 24).mean(),
                "east": (xs >= 24).mean(),
            }
            for word in entry.place.direction.split("-"):
                assert halves[word] >= 0.65, (entry, halves)
    assert told > 300
