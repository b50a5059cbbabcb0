"""Pictures that can be read: equal ranges where figures are compared, words inside, sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from groundsynth.figures.confusion_matrices import draw_confusion
from groundsynth.figures.footprints import draw_footprints
from groundsynth.figures.generator_curves import draw_generators
from groundsynth.figures.leak_pictures import draw_leaks
from groundsynth.figures.style import styled
from groundsynth.figures.training_curves import draw_histories
from groundsynth.figures.training_strips import enlarged
from groundsynth.landcover import Legend


def test_scores_of_all_trainings_have_the_same_ranges(full_run: Any) -> None:
    folder = full_run.folder / "results"
    full_run.add_history(folder / "segmentation/a/unet/9/history.parquet", f1=[0.9], iou=[0.8])
    full_run.add_history(folder / "clip/history.parquet", loss=[5.0, 4.0, 3.0])
    with styled():
        drawn = draw_histories(full_run.histories)
    *scores, loss = [axes for axes in drawn.axes if axes.get_visible()]
    assert len(scores) == 3
    assert len({axes.get_ylim() for axes in scores}) == 1
    assert len({axes.get_xlim() for axes in scores}) == 1
    assert scores[0].get_ylim()[0] < 0.1
    assert scores[0].get_ylim()[1] > 0.9
    assert loss.get_ylim()[0] > 2
    assert loss.get_xlim() != scores[0].get_xlim()


def test_generators_are_compared_in_the_same_ranges_but_for_their_losses(full_run: Any) -> None:
    near = {"generator_loss": [0.1, 0.2], "random_frechet_distance": [0.001, 0.002]}
    path = full_run.folder / "results/gan/unconditional/history.parquet"
    full_run.histories.remove(path)
    full_run.add_history(path, **near)
    with styled():
        axes = draw_generators(full_run.histories).axes
    by_title = {found.get_title(loc="left"): found.get_ylim() for found in axes}
    ranges = [
        {by_title[f"{name} · {kind}"] for name in ("unconditional", "conditional")}
        for kind in ("losses", "Fréchet distance", "images a second")
    ]
    assert [len(found) for found in ranges] == [2, 1, 1]
    assert all(low == 0 for found in ranges[1:] for low, _ in found)


def test_no_key_covers_a_curve(full_run: Any) -> None:
    with styled():
        for drawn in (draw_generators(full_run.histories), draw_histories(full_run.histories)):
            drawn.draw_without_rendering()
            for axes in drawn.axes:
                if key := axes.get_legend():
                    assert key.get_window_extent().y0 >= axes.bbox.y1


def test_distances_of_all_populations_have_the_same_named_axes(full_run: Any) -> None:
    with styled():
        drawn = draw_leaks(full_run.audits, full_run.opened())
    plots = [axes for axes in drawn.axes if axes.get_xlabel()]
    assert [axes.get_xlabel() for axes in plots] == ["distance in standardised features"] * 2
    assert [axes.get_ylabel() for axes in plots] == ["percent of images"] * 2
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in plots}) == 1
    assert plots[0].get_xlim()[1] > 6  # the farthest of all
    tallest = max(bar.get_height() for axes in plots for bar in axes.patches[:40])
    assert plots[0].get_ylim()[1] > 1.15 * tallest  # room for the key


@pytest.mark.parametrize(
    ("side", "room", "size"),
    [(128, 978, 896), (512, 978, 978), (2048, 978, 978), (512, 2178, 2048)],
)
def test_a_strip_fills_its_room(side: int, room: int, size: int) -> None:
    """By a whole factor where that costs little of it."""
    assert enlarged(np.zeros((side, side, 3), np.uint8), room) == (size, size)


def test_words_of_wide_maps_and_many_matrices_stay_inside(
    full_run: Any, legend: dict[str, Any], clipped: Any
) -> None:
    for seed in range(2, 36):
        full_run.add_cell("real", "unet", seed, np.full((3, 3, 3), 5))
    with styled():
        matrices = draw_confusion(full_run.confusions, Legend.from_json(legend))
        map_of_patches = draw_footprints(full_run.figure_inputs()["patches"])
    assert "percent of the true class" not in clipped(matrices)
    assert not [text for text in clipped(map_of_patches) if text.startswith("Footprints")]
