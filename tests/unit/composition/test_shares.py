"""Class shares of masks: numbers by hand, hostile names, unlabelled pixels, other legends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groundsynth.composition.ids import read_ids
from groundsynth.composition.shares import compute_composition, count_classes, read_composition
from groundsynth.errors import InputError
from groundsynth.landcover import Legend
from groundsynth.shards import write_array
from groundsynth.tables import write_table

HOSTILE = ['corn "field"; x', "a.b", "naïve, 100%", "{tree}", "<b>'", "share_x"]


def legend_of(names: list[str]) -> dict[str, Any]:
    classes = [{"name": n, "codes": [i + 1], "color": [i, 0, 0]} for i, n in enumerate(names)]
    return {"no_data": [0], "classes": classes}


def write_index(path: Path, ids: list[str]) -> Path:
    n = len(ids)
    columns = {
        "sample_id": ids,
        "population": ["unconditional"] * n,
        "seed": list(range(n)),
        "condition_patch_id": [None] * n,
        "model_digest": ["d"] * n,
    }
    write_table(path, columns, "synthetic_index", {})
    return path


def run(folder: Path, masks: np.ndarray, names: list[str]) -> Path:
    write_array(folder / "masks.npy", masks)
    index = write_index(folder / "index.parquet", [f"s{i}" for i in range(len(masks))])
    output = folder / "composition.parquet"
    compute_composition(
        masks=folder / "masks.npy",
        index=index,
        population="unconditional",
        mask_source="predicted",
        legend=legend_of(names),
        output=output,
    )
    return output


def test_shares_are_of_the_labelled_pixels(tmp_path: Path) -> None:
    masks = np.full((3, 4, 4), 255, np.uint8)
    masks[0, :2], masks[0, 2:] = 0, 2  # half and half
    masks[1, 0] = 1  # one row of four labelled
    output = run(tmp_path, masks, ["a", "b", "c"])
    found = read_composition(output, Legend.from_json(legend_of(["a", "b", "c"])))
    assert found.shares.tolist() == [[50, 0, 50], [0, 100, 0], [0, 0, 0]]
    assert found.unlabelled.tolist() == [0, 75, 100]
    assert found.ids == ["s0", "s1", "s2"]
    assert found.populations == ["unconditional"] * 3


def test_random_masks_sum_to_100_with_hostile_names(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    masks = generator.choice([0, 1, 2, 3, 4, 5, 255], (150, 16, 16)).astype(np.uint8)
    output = run(tmp_path, masks, HOSTILE)
    found = read_composition(output, Legend.from_json(legend_of(HOSTILE)))
    assert np.abs(found.shares.sum(axis=1) - 100).max() < 1e-3
    one = masks[149]
    expected = 100 * (one == 3).sum() / (one != 255).sum()
    assert found.shares[149, 3] == pytest.approx(expected, rel=1e-5)


def test_no_masks_give_an_empty_table(tmp_path: Path) -> None:
    output = run(tmp_path, np.zeros((0, 8, 8), np.uint8), ["a", "b"])
    found = read_composition(output, Legend.from_json(legend_of(["a", "b"])))
    assert found.shares.shape == (0, 2)


def test_a_value_outside_the_legend_is_named(tmp_path: Path) -> None:
    masks = np.zeros((2, 4, 4), np.uint8)
    masks[1, 0, 0] = 7
    with pytest.raises(InputError, match=r"masks\.npy .*value 7"):
        run(tmp_path, masks, ["a", "b"])
    assert not (tmp_path / "composition.parquet").exists()


def test_rows_and_index_must_agree(tmp_path: Path) -> None:
    write_array(tmp_path / "masks.npy", np.zeros((3, 4, 4), np.uint8))
    with pytest.raises(InputError, match="3 rows"):
        compute_composition(
            masks=tmp_path / "masks.npy",
            index=write_index(tmp_path / "index.parquet", ["x", "y"]),
            population="unconditional",
            mask_source="predicted",
            legend=legend_of(["a", "b"]),
            output=tmp_path / "out.parquet",
        )


def test_repeated_ids_are_refused(tmp_path: Path) -> None:
    index = write_index(tmp_path / "index.parquet", ["x", "y", "x"])
    with pytest.raises(InputError, match="'x' more than once"):
        read_ids(index, "unconditional")


def test_counts_of_254_classes() -> None:
    masks = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    masks[masks == 254] = 255
    counts = count_classes(masks, 254)
    assert counts[0, :-1].tolist() == [1] * 254
    assert counts[0, -1] == 2
