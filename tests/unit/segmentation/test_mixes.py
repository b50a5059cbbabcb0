"""Mixes: parts, counts, and which samples are the first."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from groundsynth.errors import ConfigurationError, InputError
from groundsynth.segmentation.data import first_samples, joined, split_of
from groundsynth.segmentation.mixes import Mix
from groundsynth.segmentation.populations import Population, open_population
from groundsynth.shards import open_array, write_array
from groundsynth.tables import write_table


def open_named(populations: dict[str, list[Path]], name: str) -> Population:
    return open_population(
        *(populations[f"{name}_{kind}"] for kind in ("images", "masks", "indices")),
        real=name == "real",
    )


def test_parts_default_to_nothing() -> None:
    mix = Mix.from_parts("both", {"real": True, "conditional": 5})
    assert mix.parts == {"real": True, "unconditional": 0, "conditional": 5}
    assert not mix.real_only
    assert mix.samples == {"conditional": 5}
    assert Mix.from_parts("real", {"real": True}).real_only


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"real": False}, "is empty"),
        ({"reel": True}, "unknown part 'reel'"),
        ({"unconditional": -1}, "negative"),
        ({"real": True, "selection": True}, "takes selected samples, but asks for none"),
    ],
)
def test_senseless_parts_are_refused(parts: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Mix.from_parts("odd", parts)


def test_first_samples_are_those_with_the_smallest_ids(
    populations: dict[str, list[Path]],
) -> None:
    samples = open_named(populations, "unconditional")
    chosen = first_samples(samples, 4, "unconditional")
    assert sorted(chosen.ids) == [f"unconditional-{seed:08d}" for seed in range(4)]
    images, _ = chosen.gather(np.arange(4), 3)
    stored = open_array(populations["unconditional_images"][0])
    assert np.array_equal(images, stored[[samples.ids.index(name) for name in chosen.ids]])


def test_more_samples_than_exist_are_an_error(populations: dict[str, list[Path]]) -> None:
    samples = open_named(populations, "conditional")
    with pytest.raises(ConfigurationError, match="asks for 7 conditional samples, but only 6"):
        first_samples(samples, 7, "conditional")


def test_all_samples_are_taken_by_name(populations: dict[str, list[Path]]) -> None:
    mix = Mix.from_parts("whole", {"conditional": "all"})
    assert mix.parts == {"real": False, "unconditional": 0, "conditional": "all"}
    samples = open_named(populations, "conditional")
    (count,) = mix.samples.values()
    assert len(first_samples(samples, count, "conditional")) == 6


def write_selection(path: Path, ids: Sequence[str], kept: Sequence[int]) -> Path:
    """A selection that keeps the samples with these seeds."""
    names = {f"unconditional-{seed:08d}" for seed in kept}
    columns = {
        "population": ["unconditional"] * len(ids),
        "id": list(ids),
        "kept": [name in names for name in ids],
        "reason": [None if name in names else "near_duplicate" for name in ids],
    }
    write_table(path, columns, "selection", {})
    return path


def test_a_selection_leaves_the_first_kept_samples(
    populations: dict[str, list[Path]], tmp_path: Path
) -> None:
    samples = open_named(populations, "unconditional")
    selection = write_selection(tmp_path / "selection.parquet", samples.ids, [8, 2, 5, 7])
    wanted: list[tuple[int | Literal["all"], tuple[int, ...]]]
    wanted = [(3, (2, 5, 7)), ("all", (2, 5, 7, 8))]
    for count, seeds in wanted:
        chosen = first_samples(samples, count, "unconditional", selection)
        assert sorted(chosen.ids) == [f"unconditional-{seed:08d}" for seed in seeds]
        images, _ = chosen.gather(np.arange(len(seeds)), 3)
        stored = open_array(populations["unconditional_images"][0])
        assert np.array_equal(images, stored[[samples.ids.index(name) for name in chosen.ids]])


def test_fewer_kept_samples_than_asked_for_are_counted(
    populations: dict[str, list[Path]], tmp_path: Path
) -> None:
    samples = open_named(populations, "unconditional")
    some = write_selection(tmp_path / "some.parquet", samples.ids, [1, 2, 3])
    with pytest.raises(ConfigurationError, match=r"asks for 4 selected .* only 3 of 10; lower"):
        first_samples(samples, 4, "unconditional", some)
    none = write_selection(tmp_path / "none.parquet", samples.ids, [])
    with pytest.raises(ConfigurationError, match=r"asks for all selected .* only 0 of 10; change"):
        first_samples(samples, "all", "unconditional", none)


def test_a_selection_among_other_samples_is_refused(
    populations: dict[str, list[Path]], tmp_path: Path
) -> None:
    samples = open_named(populations, "unconditional")
    stale = write_selection(tmp_path / "stale.parquet", samples.ids[1:], [3])
    with pytest.raises(InputError, match="was not made among the 10 samples"):
        first_samples(samples, 1, "unconditional", stale)


def test_joined_patches_are_gathered_by_position(populations: dict[str, list[Path]]) -> None:
    real = split_of(open_named(populations, "real"), "train")
    samples = first_samples(open_named(populations, "conditional"), 3, "conditional")
    both = joined([real, samples])
    assert len(both) == 16 + 3
    assert both.ids == real.ids + samples.ids
    images, masks = both.gather(np.array([17, 0, 18]), 3)
    first, second = real.gather(np.array([0]), 3), samples.gather(np.array([1, 2]), 3)
    assert np.array_equal(images[[1, 0, 2]], np.concatenate([first[0], second[0]]))
    assert np.array_equal(masks[[1, 0, 2]], np.concatenate([first[1], second[1]]))


def test_empty_split_is_an_error(populations: dict[str, list[Path]]) -> None:
    with pytest.raises(InputError, match="The holdout split has no patch"):
        split_of(open_named(populations, "real"), "holdout")


def test_mask_outside_the_legend_is_named(populations: dict[str, list[Path]]) -> None:
    path = populations["real_masks"][0]
    masks = np.array(open_array(path))
    masks[0, 5, 5] = 3
    write_array(path, masks)
    patches = split_of(open_named(populations, "real"), "train")
    with pytest.raises(InputError, match="N36E030_000_000 holds the value 3"):
        patches.gather(np.arange(4), 3)


def test_shards_that_do_not_belong_together_are_refused(
    populations: dict[str, list[Path]],
) -> None:
    write_array(populations["real_masks"][0], np.zeros((3, 64, 64), np.uint8))
    with pytest.raises(InputError, match="3 masks for 24 images"):
        open_named(populations, "real")
