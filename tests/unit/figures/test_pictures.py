"""The pictures of a run: sizes, pixels, absent inputs, determinism."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from groundsynth.composition.statistics import (
    jensen_shannon_distance,
    population_compositions,
    totals,
)
from groundsynth.errors import InputError
from groundsynth.figures.composition_bars import draw_composition
from groundsynth.figures.confusion_matrices import normalised
from groundsynth.figures.contact_sheet import draw_samples
from groundsynth.figures.funnel import draw_funnel
from groundsynth.figures.generator_curves import draw_generators, speed
from groundsynth.figures.leak_pictures import draw_leaks
from groundsynth.figures.overview import draw_overview
from groundsynth.figures.patch_sheet import beside, draw_patches
from groundsynth.figures.pictures import draw_figures
from groundsynth.figures.split_shares import draw_split_shares, shares_by_split
from groundsynth.figures.style import OTHER, save_figure, styled
from groundsynth.figures.training_curves import draw_histories, main_curves, read_curves, title_of
from groundsynth.figures.training_strips import draw_progress, spoken
from groundsynth.landcover import Legend
from groundsynth.patches.filters import REASONS
from groundsynth.shards import open_array
from groundsynth.tables import write_table

NAMES = {
    "overview",
    "footprints",
    "funnel",
    "patches",
    "split_shares",
    "samples",
    "generators",
    "progress",
    "composition",
    "histories",
    "confusion",
    "reliability",
    "projections",
    "captions",
    "leaks",
    "neighbours",
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


def test_a_full_run_gives_all_pictures_of_equal_bytes(
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
    absent = ("generators", "progress", "histories", "confusion", "reliability", "projections")
    for name in (*absent, "leaks", "neighbours"):
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


def texts_of(figure: Figure) -> str:
    """All words of a drawing, in the order of its parts."""
    return " | ".join(text.get_text() for text in figure.findobj(Text))


def test_the_funnel_in_words_and_bars(full_run: Any, tmp_path: Path, pixels: Pixels) -> None:
    with styled():
        drawn = draw_funnel(full_run.figure_inputs()["funnel"])
        image = pixels(save(drawn, tmp_path / "funnel.png"))
    words = texts_of(drawn)
    for part in ("20 (100.0%)", "5 (25.0%)", "12 (60.0%)", "dropped: too much water", "rain"):
        assert part in words
    assert "Each of 2 tiles; 1 more without imagery" in words
    upper, lower = drawn.axes
    bars = [(bar.get_x(), bar.get_width()) for bar in upper.patches]
    assert bars == [(0, 20), (15, 5), (13, 2), (12, 1), (0, 12)]  # each begins where one ended
    kept = [bar.get_height() for bar in lower.patches[:2]]
    assert kept == [75, 50]  # in order of the share kept
    assert [label.get_text() for label in lower.get_xticklabels()] == ["N36E036", "<i>N36E030</i>"]
    assert has_color(image, (0x56, 0xB4, 0xE9))


def test_each_reason_of_the_funnel_has_a_colour_of_its_own(tmp_path: Path) -> None:
    path, dropped = tmp_path / "funnel.csv", [f"dropped_{reason}" for reason in REASONS]
    counts = ",".join("1" * (len(dropped) + 1))
    columns = ",".join(["tile,candidates,kept", *dropped])
    path.write_text(
        f"{columns}\nt,{len(dropped) + 1},{counts}\ntotal,{len(dropped) + 1},{counts}\n"
    )
    with styled():
        bars = draw_funnel(path).axes[0].patches
    assert len(bars) == len(REASONS) + 2  # candidates, kept
    colors = {to_hex(bar.get_facecolor()) for bar in bars}
    assert len(colors | {OTHER}) == len(bars) + 1  # none shared, none the grey of others


def test_the_composition_says_how_far_samples_are_from_real_patches(
    full_run: Any, legend: dict[str, Any]
) -> None:
    classes = Legend.from_json(legend)
    with styled():
        words = texts_of(draw_composition(full_run.compositions, classes))
        real = texts_of(draw_composition(full_run.compositions[:1], classes))
    found = population_compositions(full_run.compositions, classes)
    distance = jensen_shannon_distance(totals(*found["real"]), totals(*found["conditional"]))
    assert distance > 0.001
    assert f"conditional (Jensen-Shannon distance to real {distance:.3f})" in words
    assert "Jensen-Shannon" not in real


def test_the_funnel_of_160_tiles_names_none(tmp_path: Path) -> None:
    rows = [f"N{n // 20 + 35}E{n % 20 + 25:03d},10,{n % 10},{10 - n % 10}" for n in range(160)]
    path = tmp_path / "funnel.csv"
    path.write_text("\n".join(["tile,candidates,kept,dropped_water", *rows, "total,1600,720,880"]))
    with styled():
        drawn = draw_funnel(path)
    assert "160 tiles in order of the share kept" in texts_of(drawn)
    assert "N36E026" not in texts_of(drawn)
    path.write_text("tile,candidates,kept,dropped_water\ntotal,0,0,0\n")
    assert "no candidate" in texts_of(draw_funnel(path))


def test_class_shares_of_each_split(full_run: Any, legend: dict[str, Any]) -> None:
    index, classes = full_run.figure_inputs()["patches"], Legend.from_json(legend)
    found = shares_by_split(full_run.compositions, index, classes)
    assert {split: len(shares) for split, (shares, _) in found.items()} == {
        "train": 6,
        "validation": 3,
        "test": 3,
    }
    masks = open_array(full_run.masks["real"][0])
    expected = [100 * (masks[3::4] == number).mean() for number in range(3)]
    np.testing.assert_allclose(found["test"][0].mean(axis=0), expected, atol=1e-3)
    with styled():
        drawn = draw_split_shares(full_run.compositions, index, classes)
    heights = [bar.get_height() for bar in drawn.axes[0].containers[2]]
    np.testing.assert_allclose(heights, expected, atol=1e-3)
    assert "no composition" in texts_of(draw_split_shares([], index, classes))


def test_the_patch_sheet_shows_each_split_with_its_masks(
    full_run: Any, legend: dict[str, Any], tmp_path: Path, pixels: Pixels
) -> None:
    classes = Legend.from_json(legend)
    painted = np.array(open_array(full_run.images["real"][0]))
    painted[:] = 7
    painted[3::4] = 9  # test
    np.save(full_run.images["real"][0], painted)
    with styled():
        drawn = draw_patches(full_run.opened(), classes, 7)
        image = pixels(save(drawn, tmp_path / "patches.png"))
        again = pixels(save(draw_patches(full_run.opened(), classes, 7), tmp_path / "b.png"))
    assert (image == again).all()
    for words in ("Train", "6 of 6 patches, drawn by chance", "Test", "3 of 3 patches"):
        assert words in texts_of(drawn)
    columns = np.flatnonzero((image == (9, 9, 9)).all(axis=-1).any(axis=0))
    assert columns.min() > image.shape[1] * 0.6  # the last third
    assert all(has_color(image, tuple(entry["color"])) for entry in legend["classes"])


def test_a_mask_stands_beside_its_patch() -> None:
    images, masks = np.full((2, 3, 3, 3), 5, np.uint8), np.full((2, 3, 3, 3), 6, np.uint8)
    masks[1] = 8
    pairs = beside(images, masks)
    assert pairs.shape == (2, 3, 7, 3)
    assert pairs[1, 0, :, 0].tolist() == [5, 5, 5, 255, 8, 8, 8]


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
        "conditional · generator",
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


def test_trainings_of_generators_have_a_row_each(full_run: Any) -> None:
    with styled():
        drawn = draw_generators(full_run.histories)
    titles = [axes.get_title(loc="left") for axes in drawn.axes]
    kinds = ("losses", "Fréchet distance", "overfitting", "images a second")
    assert titles == [f"{name} · {k}" for name in ("unconditional", "conditional") for k in kinds]
    curves = [
        {line.get_label(): line.get_ydata().tolist() for line in axes.lines} for axes in drawn.axes
    ]
    assert curves[0] == {"generator loss": [1.0, 0.8], "discriminator loss": [1.2, 1.1]}
    assert curves[1] == {}
    assert curves[2] == {"augment p": [0.0, 0.1]}
    assert curves[3] == {"images a second": [8.0, 8.0]}
    assert curves[5] == {"in random features": [0.5, 0.75]}
    others = [path for path in full_run.histories if "segmentation" in path.parts]
    with styled():
        assert len(draw_histories(full_run.histories).axes) == len(others) == 2
        (one,) = draw_generators(others[:1]).findobj(Text)
    assert one.get_text().startswith("No generator was trained")


def test_speed_is_that_of_each_tick(bare_run: Any) -> None:
    path = bare_run.folder / "results/gan/unconditional/history.parquet"
    columns = {
        "step": [1, 1, 2, 3],
        "images": [10, 10, 30, 90],
        "seconds": [5.0, 5.0, 7.0, 10.0],
        "name": ["a", "b", "a", "a"],
        "value": [0.0] * 4,
    }
    write_table(path, columns, "history", {})
    images, rate = speed(path)["images a second"]
    assert (images.tolist(), rate.tolist()) == ([10, 30, 90], [2, 10, 20])


def test_strips_show_each_time_beside_its_number(
    full_run: Any, tmp_path: Path, pixels: Pixels
) -> None:
    with styled():
        drawn = draw_progress(full_run.strips)
        image = pixels(save(drawn, tmp_path / "progress.png"))
    words = [text.get_text() for text in drawn.texts]
    assert words[2:5] == ["0", "8", "16"]
    assert words[7:] == ["map", "real", "0", "8", "16"]
    # 16 pixels enlarged 7 times below a head of 104 pixels; words take 190
    middle = 104 + 56
    assert [image[middle + 112 * row, 200, 0] for row in range(3)] == [50, 110, 170]
    assert [image[middle + 112 * row, 1400, 0] for row in range(5)] == [20, 20, 50, 110, 170]
    assert (image[middle + 112 * 3, 200] == 255).all()


def test_a_strip_without_words_is_an_error(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "progress.png")
    with pytest.raises(InputError, match="does not say what its rows show"):
        draw_progress([tmp_path / "progress.png"])


def test_numbers_of_images_in_few_signs() -> None:
    assert [spoken(n) for n in ("0", "999", "1000", "26000", "1604000", "5000000")] == [
        *("0", "999", "1 k", "26 k", "1.6 M", "5 M")
    ]


def test_the_closest_pairs_stand_in_ascending_order(full_run: Any, tmp_path: Path) -> None:
    """Sample n is painted with 20 n, its nearest training patch with 20 n + 10."""
    samples, real = (
        np.array(open_array(full_run.images[name][0])) for name in ("conditional", "real")
    )
    train = [n for n in range(12) if n % 4 < 2]
    for number in range(8):
        samples[number] = 20 * number
    for place, row in enumerate(train):
        real[row] = 20 * place + 10
    for name, images in (("conditional", samples), ("real", real)):
        np.save(full_run.images[name][0], images)
    with styled():
        figure = draw_leaks(full_run.audits[1:], full_run.opened())
    drawn = [axes.get_images()[0].get_array() for axes in figure.axes if axes.get_images()]
    distances = [0.01, 0.5, 0.75, 0.9, 0.8, 0.7, 0.6, 0.02]
    order = np.argsort(distances)
    assert [int(pair[0, 0, 0]) for pair in drawn] == [20 * n for n in order]
    assert [int(pair[0, -1, 0]) for pair in drawn] == [20 * (n % len(train)) + 10 for n in order]
    said = texts_of(figure)
    assert " | ".join(f"{distances[n]:.3g}" for n in order) in said
    assert "8 samples, 3 real test patches" in said


def test_without_an_audit_the_picture_says_so(bare_run: Any) -> None:
    with styled():
        assert "No leak audit was made" in texts_of(draw_leaks([], bare_run.opened()))
