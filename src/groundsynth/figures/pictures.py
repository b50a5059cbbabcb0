"""The pictures of a run, each a PNG file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from groundsynth.figures.caption_pictures import draw_captions
from groundsynth.figures.composition_bars import draw_composition
from groundsynth.figures.confusion_matrices import draw_confusion
from groundsynth.figures.contact_sheet import draw_samples
from groundsynth.figures.drawn_populations import DrawnPopulations, read_conditions
from groundsynth.figures.feature_maps import draw_projections
from groundsynth.figures.footprints import draw_footprints
from groundsynth.figures.funnel import draw_funnel
from groundsynth.figures.generator_curves import draw_generators
from groundsynth.figures.leak_pictures import draw_leaks
from groundsynth.figures.neighbour_pictures import draw_neighbours
from groundsynth.figures.overview import draw_overview
from groundsynth.figures.patch_sheet import draw_patches
from groundsynth.figures.reliability import draw_reliability
from groundsynth.figures.split_shares import draw_split_shares
from groundsynth.figures.style import save_figure, styled
from groundsynth.figures.training_curves import draw_histories
from groundsynth.figures.training_strips import draw_progress
from groundsynth.landcover import Legend
from groundsynth.progress import Progress
from groundsynth.segmentation.populations import open_population


def draw_figures(
    *,
    real_images: list[Path],
    real_masks: list[Path],
    real_indices: list[Path],
    unconditional_images: list[Path],
    unconditional_masks: list[Path],
    unconditional_indices: list[Path],
    conditional_images: list[Path],
    conditional_masks: list[Path],
    conditional_indices: list[Path],
    captions: list[Path],
    groundings: list[Path],
    compositions: list[Path],
    confusions: list[Path],
    qualities: list[Path],
    histories: list[Path],
    strips: list[Path],
    coordinates: list[Path],
    audits: list[Path],
    neighbours: list[Path],
    patches: Path,
    funnel: Path,
    legend: dict[str, Any],
    rows: int,
    seed: int,
    folder: Path,
) -> list[Path]:
    """Draw the pictures of a run as PNG files into a folder; equal input gives equal bytes.

    overview, footprints, funnel, patches, split_shares, samples, generators, progress,
    composition, histories, confusion, reliability, projections, captions, leaks, neighbours.
    Reads shards of images uint8 (N, H, W, 3) and masks uint8 (N, H, W) by memory map, only what is
    drawn; every list but those of the real patches may be empty, and a picture without content
    says so. ``strips`` are pictures of the generators' trainings, ``patches`` is the index of all
    real patches, ``funnel`` the table of candidates (CSV), ``rows`` the number of rows of the
    overview.
    """
    classes = Legend.from_json(legend)
    populations = DrawnPopulations(
        real=open_population(real_images, real_masks, real_indices, real=True),
        unconditional=open_population(
            unconditional_images, unconditional_masks, unconditional_indices, real=False
        ),
        conditional=open_population(
            conditional_images, conditional_masks, conditional_indices, real=False
        ),
        conditions=read_conditions(conditional_indices),
    )
    figures: dict[str, Callable[[], Figure]] = {
        "overview": lambda: draw_overview(populations, captions, classes, rows, seed),
        "footprints": lambda: draw_footprints(patches),
        "funnel": lambda: draw_funnel(funnel),
        "patches": lambda: draw_patches(populations, classes, seed),
        "split_shares": lambda: draw_split_shares(compositions, patches, classes),
        "samples": lambda: draw_samples(populations, seed),
        "generators": lambda: draw_generators(histories),
        "progress": lambda: draw_progress(strips),
        "composition": lambda: draw_composition(compositions, classes),
        "histories": lambda: draw_histories(histories),
        "confusion": lambda: draw_confusion(confusions, classes),
        "reliability": lambda: draw_reliability(qualities, len(classes)),
        "projections": lambda: draw_projections(coordinates, seed),
        "captions": lambda: draw_captions(captions, groundings, classes),
        "leaks": lambda: draw_leaks(audits, populations),
        "neighbours": lambda: draw_neighbours(neighbours, populations),
    }
    paths = {name: folder / f"{name}.png" for name in figures}
    with styled(), Progress("figures", len(figures), "figure") as progress:
        for name, draw in figures.items():
            save_figure(draw(), paths[name])
            progress.advance()
    return list(paths.values())
