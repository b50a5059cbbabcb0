"""The seven pictures: sizes, pixels, absent inputs, determinism."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import shapely
from matplotlib.figure import Figure

from groundsynth.figures.confusion_matrices import normalised
from groundsynth.figures.contact_sheet import draw_samples
from groundsynth.figures.footprints import draw_footprints, tile_box
from groundsynth.figures.overview import draw_overview
from groundsynth.figures.pictures import draw_figures
from groundsynth.figures.style import save_figure, styled
from groundsynth.figures.training_curves import main_curves, read_curves, title_of
from groundsynth.landcover import Legend
from groundsynth.shards import open_array

NAMES = {
    "overview",
    "footprints",
    "samples",
    "composition",
    "histories",
    "confusion",
    "projections",
}
Pixels = Callable[[Path], np.ndarray]


def draw(run: Any, legend: dict[str, Any], folder: Path, **changes: Any) -> Path:
    """All pictures of a run."""
    inputs = {**run.figure_inputs(), "rows": 3, "seed": 7, **changes}
    draw_figures(**inputs, legend=legend, folder=folder)
    return folder


def has_color(image: np.ndarray, color: tuple[int, int, int]) -> bool:
    """Whether a colour stands in an image."""
    return bool((image == color).all(axis=-1).any())


def save(figure: Figure, path: Path) -> Path:
    """A figure as a PNG file."""
    save_figure(figure, path)
    return path


def test_a_full_run_gives_seven_pictures_of_equal_bytes(
    full_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    first = draw(full_run, legend, tmp_path / "a")
    matplotlib.rcParams["axes.titlepad"] = 30  # a user's own settings must not show
    try:
        second = draw(full_run, legend, tmp_path / "b")
        assert matplotlib.rcParams["axes.titlepad"] == 30
    finally:
        matplotlib.rcdefaults()
    assert {path.name for path in first.iterdir()} == {f"{name}.png" for name in NAMES}
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


def test_another_seed_draws_other_samples(bare_run: Any, tmp_path: Path, pixels: Pixels) -> None:
    bare_run.add_samples("unconditional", count=200)
    with styled():
        sheets = [
            pixels(save(draw_samples(bare_run.opened(), seed), tmp_path / f"{seed}.png"))
            for seed in (7, 7, 8)
        ]
    assert (sheets[0] == sheets[1]).all()
    assert (sheets[0] != sheets[2]).any()


def test_a_run_of_real_patches_alone_says_what_is_missing(
    bare_run: Any, legend: dict[str, Any], tmp_path: Path, pixels: Pixels
) -> None:
    folder = draw(bare_run, legend, tmp_path / "f")
    assert {path.stem for path in folder.iterdir()} == NAMES
    for name in ("histories", "confusion", "projections"):
        image = pixels(folder / f"{name}.png")
        assert image.shape[:2] == (320, 2400)
        assert (image < 200).any()  # a sentence stands there
    assert pixels(folder / "overview.png").shape[1] < 800  # two columns


def test_overview_shows_a_patch_beside_the_sample_of_its_mask(
    full_run: Any, legend: dict[str, Any], tmp_path: Path, pixels: Pixels
) -> None:
    """Each conditional sample is painted with the number of its patch, and so is the patch."""
    real = open_array(full_run.images["real"][0])
    conditional = open_array(full_run.images["conditional"][0])
    painted, samples = np.array(real), np.array(conditional)
    train = [n for n in range(12) if n % 4 < 2]
    for number in range(12):
        painted[number] = 20 * number
    for number in range(8):
        samples[number] = 20 * train[number % len(train)]
    np.save(full_run.images["real"][0], painted)
    np.save(full_run.images["conditional"][0], samples)
    with styled():
        drawn = draw_overview(full_run.opened(), full_run.captions, Legend.from_json(legend), 3, 7)
        image = pixels(save(drawn, tmp_path / "overview.png"))
    # 16 pixels enlarged 20 times, margins of 32, gaps of 16, heads of 104 pixels
    for row in range(3):
        top = 104 + row * 336 + 160
        patch, sample = image[top, 32 + 160], image[top, 32 + 2 * 336 + 160]
        assert (patch == sample).all()
        assert patch[0] in {20 * number for number in train}


def test_overview_holds_the_legend_and_enlarges_without_mixing(
    full_run: Any, legend: dict[str, Any], tmp_path: Path, pixels: Pixels
) -> None:
    with styled():
        drawn = draw_overview(full_run.opened(), full_run.captions, Legend.from_json(legend), 3, 7)
        image = pixels(save(drawn, tmp_path / "overview.png"))
    assert image.shape[1] == 2400
    for entry in legend["classes"]:
        assert has_color(image[-100:], tuple(entry["color"]))
    mask = image[104 : 104 + 320, 32 + 336 : 32 + 336 + 320]
    colors = {tuple(color) for color in mask.reshape(-1, 3).tolist()}
    assert colors <= {tuple(entry["color"]) for entry in legend["classes"]}


def test_footprints_show_every_split_on_both_sides_of_a_zone(
    full_run: Any, tmp_path: Path, pixels: Pixels
) -> None:
    with styled():
        drawn = draw_footprints(full_run.figure_inputs()["patches"])
        image = pixels(save(drawn, tmp_path / "footprints.png"))
    for color in ((0x88, 0xCC, 0xEE), (0xDD, 0xCC, 0x77), (0xAA, 0x44, 0x99)):
        places = np.argwhere((image == color).all(axis=-1))
        assert len(places) > 500
    train = np.argwhere((image[: image.shape[0] * 3 // 4] == (0x88, 0xCC, 0xEE)).all(axis=-1))
    assert train[:, 1].max() - train[:, 1].min() > image.shape[1] / 2


def test_tiles_are_named_boxes_or_the_bounds_of_their_patches() -> None:
    patches = [shapely.box(3.25, 4, 3.5, 4.5), shapely.box(3.5, 4, 4.25, 4.5)]
    assert tile_box("S03W078", patches).tolist() == [-78, -3, -77, -2]
    assert tile_box("scene_a", patches).tolist() == [3.25, 4, 4.25, 4.5]


def test_confusion_is_normalised_over_the_truth() -> None:
    found = normalised(np.array([[3, 1], [0, 0]]))
    assert found[0].tolist() == [75, 25]
    assert np.isnan(found[1]).all()


def test_the_main_figures_of_a_training(full_run: Any) -> None:
    by_title = {title_of(path): main_curves(read_curves(path)) for path in full_run.histories}
    assert list(by_title) == [
        "real\nunet · seed 1",
        "real+synthetic\nunet · seed 1",
        "unconditional · generator",
    ]
    assert list(by_title["real\nunet · seed 1"]) == ["f1", "iou"]
    losses = by_title["unconditional · generator"]
    assert list(losses) == ["generator_loss", "discriminator_loss"]
    images, values = losses["discriminator_loss"]
    assert (images.tolist(), values.tolist()) == ([8, 16], [1.2, 1.1])


def test_names_with_dollar_signs_and_markup_are_drawn_as_they_are(
    full_run: Any, legend: dict[str, Any], tmp_path: Path
) -> None:
    full_run.captions.clear()
    full_run.redundancies.clear()
    full_run.add_captions(("real",), text="costs $x^{ <b>more</b> $")
    with styled():
        drawn = draw_overview(full_run.opened(), full_run.captions, Legend.from_json(legend), 3, 7)
        save(drawn, tmp_path / "overview.png")  # would fail if it were read as mathematics
    texts = [text.get_text() for text in drawn.texts]
    assert any(text.startswith("Real: costs $x^{ <b>more</b> $") for text in texts)
