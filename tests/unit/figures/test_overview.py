"""What the overview chooses to show, and how it fits on the canvas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.patches import Patch

from groundsynth.figures.canvas import cell_size, mosaic
from groundsynth.figures.overview import entries_across, read_captions
from groundsynth.figures.varied_choice import choose_patches, choose_samples, vary


def test_each_class_has_its_turn_in_a_varied_mask() -> None:
    masks = np.zeros((5, 4, 4), np.uint8)  # the commonest class is 0
    masks[1, :2] = 1
    masks[2, 2:] = 1
    masks[2, 3] = 2
    masks[3] = 2
    chosen = vary(masks, classes=3, count=3)
    assert len(set(chosen)) == 3
    assert chosen[0] == 2  # half class 0, and all three classes
    assert vary(masks, classes=3, count=9) == [*chosen, *vary(masks, 3, 9)[3:]]
    assert len(vary(masks, classes=3, count=9)) == 5
    assert vary(masks[:0], classes=3, count=2) == []


def test_masks_without_any_label_can_be_chosen() -> None:
    assert sorted(vary(np.full((2, 4, 4), 255, np.uint8), classes=3, count=2)) == [0, 1]


def test_patches_are_train_patches_with_their_own_sample(bare_run: Any) -> None:
    bare_run.add_samples("conditional", count=4)  # of six train patches
    populations = bare_run.opened()
    rows, samples = choose_patches(populations, 3, 9, np.random.default_rng(1))
    assert len(rows) == len(set(rows.tolist())) == 4
    for row, sample in zip(rows, samples, strict=True):
        assert populations.real.splits[row] == "train"
        assert populations.conditions[sample] == populations.real.ids[row]


def test_without_conditional_samples_train_patches_are_shown(bare_run: Any) -> None:
    populations = bare_run.opened()
    rows, samples = choose_patches(populations, 3, 99, np.random.default_rng(1))
    assert {populations.real.splits[row] for row in rows} == {"train"}
    assert (len(rows), len(samples)) == (6, 0)
    assert len(choose_samples(populations.unconditional, 3, 4, np.random.default_rng(1))) == 0


def test_captions_are_those_of_the_last_captioner_by_id(full_run: Any) -> None:
    wanted = [full_run.ids["real"][3], full_run.ids["unconditional"][2], "unknown"]
    captions, captioner = read_captions(full_run.captions, wanted)
    assert captioner == "grammar_hybrid"
    assert captions == {i: f"Trees beside fields. grammar_hybrid {i}" for i in wanted[:2]}
    assert read_captions([], wanted) == ({}, "")


def test_only_good_captions_are_shown(full_run: Any, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = full_run.captions[-1]
    table = pq.read_table(path)
    status = ["error", *["ok"] * (len(table) - 1)]
    position = table.schema.get_field_index("status")
    pq.write_table(table.set_column(position, "status", [status]), path)
    ids = table["id"].to_pylist()
    assert set(read_captions([path], ids[:3])[0]) == set(ids[1:3])


def test_patches_are_enlarged_by_whole_factors_where_that_fits() -> None:
    assert [cell_size(size, 320) for size in (16, 32, 64, 96, 128)] == [320, 320, 320, 288, 384]
    assert [cell_size(size, 320) for size in (256, 1024)] == [320, 320]


def test_a_mosaic_keeps_order_and_pixels() -> None:
    images = np.arange(3, dtype=np.uint8)[:, None, None, None].repeat(2, 1).repeat(2, 2)
    sheet = mosaic(images.repeat(3, 3), columns=2, gap=1)
    assert sheet.shape == (5, 5, 3)
    assert sheet[..., 0].tolist() == [
        [0, 0, 255, 1, 1],
        [0, 0, 255, 1, 1],
        [255] * 5,
        [2, 2, 255, 255, 255],
        [2, 2, 255, 255, 255],
    ]


def test_the_legend_breaks_into_lines_on_a_narrow_canvas() -> None:
    entries = [Patch(label="built-up")] * 7
    assert entries_across(entries, 2400) == 7
    assert entries_across(entries, 700) == 2
    assert entries_across(entries, 100) == 1
