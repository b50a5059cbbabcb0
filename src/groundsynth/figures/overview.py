"""The overview picture: patches, their masks, samples and captions side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from groundsynth.figures.canvas import (
    GAP,
    HEAD,
    MARGIN,
    Canvas,
    cell_size,
    entries_across,
    legend_height,
)
from groundsynth.figures.drawn_populations import DrawnPopulations
from groundsynth.figures.style import (
    INK,
    class_patches,
    nothing_to_draw,
    population_color,
)
from groundsynth.figures.varied_choice import choose_patches, choose_samples
from groundsynth.landcover import Legend
from groundsynth.segmentation.populations import Population
from groundsynth.tables import read_table

CELL, GROUP_GAP = 320, 44
TEXT_WIDTHS, FULL_WIDTH = (520, 960), 2400
TEXT_POINTS = 8.5
PIXELS_A_LETTER = 12.6
"""Width of a letter of the captions, on the safe side of the mean of English text."""
LINE_PIXELS = 32


@dataclass(frozen=True)
class Column:
    """A column of pictures: heading, what stands below it, and one picture a row from the top."""

    heading: str
    remark: str
    images: list[np.ndarray]
    color: str = INK
    starts_group: bool = False


def draw_overview(
    populations: DrawnPopulations, captions: Sequence[Path], legend: Legend, rows: int, seed: int
) -> Figure:
    """One row a training patch: patch, mask, conditional sample of that mask; an unconditional
    sample with its predicted mask; captions of both.

    Patches and unconditional samples are chosen by the variety of their masks among some drawn by
    chance with ``seed``, never by the look of a sample.
    """
    random = np.random.default_rng(seed)
    patches, samples = choose_patches(populations, len(legend), rows, random)
    if not len(patches):
        return nothing_to_draw("There is no training patch to show.")
    found = populations.unconditional
    drawn = choose_samples(found, len(legend), len(patches), random)
    columns = _patch_columns(populations, patches, samples, legend)
    columns += _sample_columns(found, drawn, legend) if len(drawn) else []
    ids = [populations.real.ids[row] for row in patches]
    texts, captioner = read_captions(captions, [*ids, *(found.ids[row] for row in drawn)])
    paragraphs = [
        _paragraphs(ids, [found.ids[row] for row in drawn], texts, row) for row in range(len(ids))
    ]
    masks = [populations.real.masks.gather([row])[0] for row in patches]
    return _compose(columns, paragraphs if texts else [], captioner, legend, masks)


def read_captions(paths: Sequence[Path], ids: Sequence[str]) -> tuple[dict[str, str], str]:
    """Captions of the given ids by the last captioner that has any, and its name."""
    wanted = pa.array(list(ids), pa.string())
    found: dict[str, dict[str, str]] = {}
    for path in paths:
        table = read_table(path, "captions", ["id", "captioner", "caption", "status"])
        usable = pc.and_(pc.is_in(table["id"], wanted), pc.equal(table["status"], "ok"))
        for row in table.filter(usable).to_pylist():
            found.setdefault(row["captioner"], {})[row["id"]] = row["caption"]
    captioner = list(found)[-1] if found else ""
    return found.get(captioner, {}), captioner


def _patch_columns(
    populations: DrawnPopulations, patches: np.ndarray, samples: np.ndarray, legend: Legend
) -> list[Column]:
    images = list(populations.real.images.gather(patches))
    masks = list(legend.colorize(populations.real.masks.gather(patches)))
    columns = [
        Column("Real", "patch of the train split", images, population_color("real")),
        Column("Land cover", "of the real patch", masks),
    ]
    if len(samples):
        synthetic = list(populations.conditional.images.gather(samples))
        color = population_color("conditional")
        columns.append(Column("Conditional", "sample of that land cover", synthetic, color))
    return columns


def _sample_columns(population: Population, drawn: np.ndarray, legend: Legend) -> list[Column]:
    images = list(population.images.gather(drawn))
    masks = list(legend.colorize(population.masks.gather(drawn)))
    color = population_color("unconditional")
    return [
        Column("Unconditional", "sample of noise", images, color, starts_group=True),
        Column("Prediction", "land cover of that sample", masks),
    ]


def _paragraphs(
    patches: Sequence[str], samples: Sequence[str], captions: Mapping[str, str], row: int
) -> list[tuple[str, str]]:
    """(population, caption) of the row's patch and unconditional sample, as far as there are."""
    named = [("real", patches), ("unconditional", samples)]
    return [
        (population, captions[ids[row]])
        for population, ids in named
        if row < len(ids) and captions.get(ids[row])
    ]


def _compose(
    columns: Sequence[Column],
    paragraphs: Sequence[Sequence[tuple[str, str]]],
    captioner: str,
    legend: Legend,
    masks: Sequence[np.ndarray],
) -> Figure:
    rows = len(columns[0].images)
    cell = cell_size(columns[0].images[0].shape[1], CELL)
    *lefts, text_left = column_places(columns, cell)
    narrow, wide = (text_left + room for room in TEXT_WIDTHS)
    width = max(narrow, min(wide, FULL_WIDTH)) if paragraphs else lefts[-1] + cell + MARGIN
    entries = class_patches(legend, masks)
    across = entries_across(entries, width)
    canvas = Canvas(width, HEAD + rows * (cell + GAP) + legend_height(entries, across))
    for column, left in zip(columns, lefts, strict=True):
        _draw_column(canvas, column, left, cell)
    if paragraphs:
        canvas.heading(text_left, "Captions", f"by {captioner}", INK)
        for row, found in enumerate(paragraphs):
            _draw_text(canvas, found, text_left, HEAD + row * (cell + GAP), cell)
    canvas.legend(entries, across)
    return canvas.figure


def column_places(columns: Sequence[Column], cell: int) -> list[int]:
    """Left edge of each column of pictures, and of the text after them, in pixels."""
    gaps = [GROUP_GAP if column.starts_group else GAP for column in columns[1:]]
    return np.cumsum([MARGIN, *(cell + gap for gap in [*gaps, GROUP_GAP])]).tolist()


def _draw_column(canvas: Canvas, column: Column, left: int, cell: int) -> None:
    canvas.heading(left, column.heading, column.remark, column.color)
    for row, image in enumerate(column.images):
        canvas.picture(image, left, HEAD + row * (cell + GAP), cell, cell)


def _draw_text(
    canvas: Canvas, paragraphs: Sequence[tuple[str, str]], left: int, top: int, height: int
) -> None:
    """Captions below each other, each beside a bar in the colour of its population."""
    letters = int((canvas.width - MARGIN - left - GAP) / PIXELS_A_LETTER)
    for number, (population, caption) in enumerate(paragraphs):
        start = top + number * height // len(paragraphs)
        most = (height // len(paragraphs) - GAP) // LINE_PIXELS
        text = f"{population.capitalize()}: {caption}"
        lines = textwrap.wrap(text, letters, max_lines=most, placeholder=" …")
        canvas.text(left + GAP, start, "\n".join(lines), TEXT_POINTS)
        tall = len(lines) * LINE_PIXELS - 4
        canvas.bar(left, start + 2, 5, tall, population_color(population))
