"""The order of batches: a function of seed and step."""

from pathlib import Path

import numpy as np

from groundsynth.segmentation.data import (
    batches_in_order,
    read_batches,
    shuffled_batches,
    split_of,
)
from groundsynth.segmentation.populations import open_population


def test_each_pass_takes_every_patch_at_most_once_in_an_order_of_its_own() -> None:
    batches = list(shuffled_batches(10, 3, seed=4, first_step=0, last_step=6))
    passes = [np.concatenate(batches[:3]), np.concatenate(batches[3:])]
    assert all(len(set(found)) == 9 for found in passes)
    assert not np.array_equal(*passes)


def test_batches_do_not_depend_on_where_one_starts() -> None:
    whole = list(shuffled_batches(10, 3, seed=4, first_step=0, last_step=8))
    rest = list(shuffled_batches(10, 3, seed=4, first_step=5, last_step=8))
    assert all(np.array_equal(a, b) for a, b in zip(whole[5:], rest, strict=True))


def test_batch_larger_than_the_set_takes_all() -> None:
    (batch,) = shuffled_batches(5, 64, seed=0, first_step=0, last_step=1)
    assert sorted(batch) == [0, 1, 2, 3, 4]


def test_reading_ahead_keeps_the_order(populations: dict[str, list[Path]]) -> None:
    kinds = (populations[f"real_{kind}"] for kind in ("images", "masks", "indices"))
    patches = split_of(open_population(*kinds, real=True), "train")
    positions = list(batches_in_order(len(patches), 3))
    assert [len(batch) for batch in positions] == [3, 3, 3, 3, 3, 1]
    for batch, (images, masks) in zip(positions, read_batches(patches, positions, 3), strict=True):
        expected = patches.gather(batch, 3)
        assert np.array_equal(images, expected[0])
        assert np.array_equal(masks, expected[1])
