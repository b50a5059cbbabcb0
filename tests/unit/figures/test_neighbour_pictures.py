"""Figure 5: each sample stands beside its own neighbours, with their distances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from groundsynth.figures.neighbour_pictures import draw_neighbours, read_shown
from groundsynth.figures.style import save_figure, styled
from groundsynth.shards import open_array


def paint(run: Any, population: str) -> None:
    """Number n is painted with the grey value 10 n, 5 more for samples."""
    images = np.array(open_array(run.images[population][0]))
    for number in range(len(images)):
        images[number] = 10 * number + (0 if population == "real" else 5)
    np.save(run.images[population][0], images)


def test_samples_stand_beside_their_neighbours_in_order(
    full_run: Any, tmp_path: Path, pixels: Any, clipped: Any
) -> None:
    for population in ("real", "unconditional", "conditional"):
        paint(full_run, population)
    with styled():
        figure = draw_neighbours(full_run.neighbours, full_run.opened())
        save_figure(figure, tmp_path / "neighbours.png")
        assert clipped(figure) == []
    drawn = [int(axes.get_images()[0].get_array()[0, 0, 0]) for axes in figure.axes]
    assert drawn == [15, 40, 0, 65, 50, 10, 5, 0, 10, 35, 50, 80]
    words = [text.get_text() for text in figure.findobj(Text) if text.get_text()]
    below = ["nearest sample", "0.500*", "3.00", "farthest sample", "6.00", "7.50"]
    limits = "Distances of real test patches: median 2.00; near-duplicates (*) below 1.00"
    title = "samples beside their nearest training patches"
    assert words[:8] == [f"Unconditional {title}", limits, *below]
    own = ["nearest sample", "0.0100* · its map", "2.50", "farthest sample", "0.900* · its map"]
    assert words[8:] == [f"Conditional {title}", limits, *own, "1.10"]
    image = pixels(tmp_path / "neighbours.png")
    # 16 pixels enlarged 14 times below a head of 104 pixels; 40 beside the sample, 16 between
    left, side = 32, 14 * 16
    middles = [left + side // 2, left + side + 40 + side // 2, left + 2 * side + 56 + side // 2]
    for row, values in (
        (104 + side // 2, (15, 40, 0)),
        (104 + side + 56 + side // 2, (65, 50, 10)),
    ):
        assert [image[row, x, 0] for x in middles] == list(values)
    assert (image[104 + side + 6 : 104 + side + 40, left : left + side] < 255).any()  # words


def test_rows_of_the_table_may_come_in_any_order(full_run: Any) -> None:
    population, shown = read_shown(full_run.neighbours[1])
    assert population == "conditional"
    assert [each.sample for each in shown] == [f"conditional-{n:08d}" for n in (0, 3)]
    assert shown[1].patches == [full_run.ids["real"][n] for n in (5, 8)]
    assert shown[1].distances == pytest.approx([0.9, 1.1])
    assert [each.place for each in shown] == ["nearest sample", "farthest sample"]


def test_without_an_audit_the_picture_says_so(bare_run: Any) -> None:
    with styled():
        (text,) = draw_neighbours([], bare_run.opened()).findobj(Text)
    assert "No leak audit was made" in text.get_text()
