"""Pictures of a training as it goes, and the strip of some of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from groundsynth.gan.snapshots import COUNTS, Snapshots, spaced

SIZE, COLUMNS = 4, 3


def picture(value: int) -> np.ndarray:
    """A row that is always the same above two rows of samples of one grey value."""
    head = np.full((COLUMNS, SIZE, SIZE, 3), 7, np.uint8)
    first, second = (np.full_like(head, value + more) for more in (0, 100))
    return np.concatenate([head, first, second])


@pytest.mark.parametrize(
    ("counts", "most", "expected"),
    [
        ([], 4, []),
        ([0, 4], 4, [0, 4]),
        ([0, 1, 2, 4, 8, 16, 32, 64], 4, [0, 1, 8, 64]),
        ([1, 10, 20, 30, 100], 3, [1, 10, 100]),
        (list(range(0, 1001, 10)), 4, [0, 10, 100, 1000]),
        ([0, 97, 98, 99, 100], 4, [0, 97, 98, 100]),
    ],
)
def test_times_are_spaced_by_factors(counts: list[int], most: int, expected: list[int]) -> None:
    assert spaced(counts, most) == expected


def test_early_ticks_and_each_so_many_have_a_snapshot(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, SIZE, head=1, interval=5)
    assert [tick for tick in range(1, 21) if snapshots.due(tick)] == [1, 2, 4, 5, 8, 10, 15, 16, 20]


def test_the_strip_has_the_head_once_and_a_row_a_time(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, SIZE, head=1, interval=1)
    for seen in (0, 5, 40):
        grid = snapshots.write(picture(seen), COLUMNS, seen)
        assert grid.shape == (3 * SIZE, COLUMNS * SIZE, 3)
    snapshots.write_strip(tmp_path / "strip.png")
    strip = Image.open(tmp_path / "strip.png")
    assert strip.info[COUNTS] == "- 0 5 40"
    rows = np.asarray(strip).reshape(4, -1)
    assert [sorted(set(row)) for row in rows.tolist()] == [[7], [0], [5], [40]]


def test_what_was_drawn_later_is_forgotten(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, SIZE, head=1, interval=1)
    snapshots.forget_after(0)
    for seen in (0, 8, 16):
        snapshots.write(picture(seen), COLUMNS, seen)
    snapshots.forget_after(8)
    assert snapshots.counts() == [0, 8]
