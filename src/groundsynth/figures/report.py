"""The report of a run: its pictures, and the page that shows them beside the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from groundsynth.figures.page import write_page
from groundsynth.figures.pictures import draw_figures


def write_report(
    *,
    name: str,
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
    generators: list[Path],
    coordinates: list[Path],
    audits: list[Path],
    neighbours: list[Path],
    patches: Path,
    tables: list[Path],
    study_figures: list[Path],
    funnel: Path,
    splits: Path,
    distances: Path,
    measured: list[Path],
    legend: dict[str, Any],
    rows: int,
    seed: int,
    configuration: Any,
    logs: Path,
    folder: Path,
    page: Path,
    headline: Path,
    settings: Path,
) -> None:
    """Draw the pictures of a run into ``folder`` and write its report page.

    One job does both, because each start of the drawing library costs seconds. The pictures are
    described at ``draw_figures``, the page and the headline at ``write_page``. Images are uint8
    (N, H, W, 3), masks uint8 (N, H, W); all lists but those of the real patches may be empty.
    """
    figures = draw_figures(
        real_images=real_images,
        real_masks=real_masks,
        real_indices=real_indices,
        unconditional_images=unconditional_images,
        unconditional_masks=unconditional_masks,
        unconditional_indices=unconditional_indices,
        conditional_images=conditional_images,
        conditional_masks=conditional_masks,
        conditional_indices=conditional_indices,
        captions=captions,
        groundings=groundings,
        compositions=compositions,
        confusions=confusions,
        qualities=qualities,
        histories=histories,
        strips=strips,
        coordinates=coordinates,
        audits=audits,
        neighbours=neighbours,
        patches=patches,
        funnel=funnel,
        legend=legend,
        rows=rows,
        seed=seed,
        folder=folder,
    )
    write_page(
        name=name,
        tables=tables,
        figures=[*figures, *study_figures],
        funnel=funnel,
        splits=splits,
        distances=distances,
        measured=measured,
        generators=generators,
        configuration=configuration,
        logs=logs,
        page=page,
        headline=headline,
        settings=settings,
    )
