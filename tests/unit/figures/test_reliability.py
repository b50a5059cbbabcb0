"""Reliability diagrams: curves by hand from the counts of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from groundsynth.figures.reliability import counts_by_mix, curve_of, draw_reliability
from groundsynth.figures.style import save_figure, styled
from groundsynth.segmentation.quality_scores import BINS

MIDDLES = 100 * (np.arange(BINS) + 0.5) / BINS


def test_a_panel_a_mix_with_the_curves_of_its_models(
    full_run: Any, tmp_path: Path, pixels: Any
) -> None:
    with styled():
        figure = draw_reliability(full_run.qualities, 3)
        save_figure(figure, tmp_path / "reliability.png")
    honest, too_sure = figure.axes
    assert (honest.get_title(loc="left"), too_sure.get_title(loc="left")) == (
        "real",
        "real+synthetic",
    )
    for axes, factor in ((honest, 1), (too_sure, 0.5)):
        diagonal, curve = axes.lines
        assert (diagonal.get_xdata() == diagonal.get_ydata()).all()
        np.testing.assert_allclose(curve.get_xdata(), MIDDLES)
        np.testing.assert_allclose(curve.get_ydata(), factor * MIDDLES)
        np.testing.assert_allclose([bar.get_height() for bar in axes.patches], 100 / BINS)
    legends = [axes.get_legend().get_texts()[0].get_text() for axes in figure.axes]
    assert legends == ["unet · error 0.0%", "unet · error 25.0%"]
    image = pixels(tmp_path / "reliability.png")
    assert image.shape[1] == 1680
    assert (image == (0x00, 0x72, 0xB2)).all(axis=-1).sum() > 1000  # the curves


@pytest.mark.parametrize(("mixes", "architectures"), [(1, 1), (2, 2), (6, 6)])
def test_no_word_is_clipped(bare_run: Any, clipped: Any, mixes: int, architectures: int) -> None:
    names = ("unet", "unetplusplus", "pan", "deeplabv3plus", "segformer", "fpn")
    for mix in range(mixes):
        for architecture in names[:architectures]:
            name = f"real+synthetic300k+conditional{80 + mix}k"
            bare_run.add_quality(name, architecture, 1, np.full((1, 3, BINS), 300.0))
    with styled():
        assert clipped(draw_reliability(bare_run.qualities, 3)) == []


def test_seeds_are_counted_together_and_architectures_apart(bare_run: Any) -> None:
    counts = np.zeros((1, 3, BINS))
    counts[0, :, 9] = 200, 100, 125
    counts[0, :, 3] = 99, 0, 20
    for architecture, seed in (("unet", 1), ("unet", 2), ("fpn", 1)):
        bare_run.add_quality("real", architecture, seed, counts * seed)
    found = counts_by_mix(bare_run.qualities, 3)
    assert list(found["real"]) == ["unet", "fpn"]
    assert found["real"]["unet"][:, 9].tolist() == [600, 300, 375]
    probability, right = curve_of(found["real"]["fpn"])
    assert probability == pytest.approx([62.5])  # the other bin holds too few pixels
    assert right == pytest.approx([50])


def test_without_a_model_the_picture_says_so() -> None:
    with styled():
        (text,) = draw_reliability([], 3).findobj(Text)
    assert "no calibration" in text.get_text()
