"""The index of all shards, and the figures of the way from candidates to splits."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import shapely

from groundsynth.errors import InputError
from groundsynth.files import atomic
from groundsynth.patches.counts import TileCounts, read_counts
from groundsynth.patches.distances import COLUMNS, split_distances
from groundsynth.patches.filters import REASONS
from groundsynth.patches.index import write_index
from groundsynth.patches.splits import SPLITS
from groundsynth.provenance import provenance
from groundsynth.sources.published import comparison, read_split_file
from groundsynth.sources.receipt import require_any_present
from groundsynth.tables import read_tables


def summarise_patches(
    *,
    indices: list[Path],
    counts: list[Path],
    receipts: list[Path],
    split_file: Path | None,
    needed_splits: list[str],
    index: Path,
    funnel: Path,
    splits: Path,
    distances: Path,
) -> None:
    """Join the shards' indices and counts into those of the run.

    Writes ``index`` (GeoParquet, all patches), ``funnel`` (CSV: candidates, kept and dropped by
    reason of each tile, and their total), ``splits`` (CSV: patches and percent of each split; with
    a ``split_file`` also how many it lists) and ``distances`` (CSV: for each pair of splits the
    smallest distance of their patches in metres and in patches, how many pairs are nearer than one
    patch, and the nearest two). ``receipts`` are those of the tiles. Raises InputError when a
    patch stands twice, index and counts disagree, no tile exists at its source, no patch of the
    split file was cut, or one of the ``needed_splits``, those of the run's models, has no patch.
    """
    require_any_present(receipts)
    table = read_tables(indices, "real_index")
    tiles = _joined_counts(counts)
    kept = sum(entry.kept for entry in tiles.values())
    if kept != len(table):
        raise InputError(
            f"The shard indices hold {len(table)} patches but the counts {kept}; delete the "
            "shards' index and counts files and cut them again."
        )
    patch_ids = table.column("patch_id").to_pylist()
    _require_unique(patch_ids)
    listed = None
    if split_file is not None:
        by_id = read_split_file(split_file)
        listed = Counter(by_id.values())
        print(comparison(split_file, by_id, set(patch_ids)), file=sys.stderr)
    found = table.column("split").to_pylist()
    _require_patches(Counter(found), needed_splits, split_file, tiles)
    record = provenance("summarise-patches", {}, [*indices, *counts])
    write_index(index, {name: table.column(name) for name in table.column_names}, record)
    _write_funnel(funnel, tiles)
    _write_splits(splits, Counter(found), listed)
    footprints = shapely.from_wkb(table.column("geometry").to_numpy())
    _write_distances(distances, split_distances(patch_ids, found, footprints))


def _joined_counts(paths: Sequence[Path]) -> dict[str, TileCounts]:
    joined: dict[str, TileCounts] = {}
    for path in paths:
        for tile, entry in read_counts(path).items():
            if tile in joined:
                raise InputError(
                    f"{path}: the tile {tile} was cut in another shard too; give each raster a "
                    "file name of its own."
                )
            joined[tile] = entry
    return joined


def _require_unique(ids: Sequence[str]) -> None:
    repeated = [name for name, times in Counter(ids).items() if times > 1]
    if repeated:
        raise InputError(
            f"The patch {repeated[0]} stands in the shard indices more than once; give each "
            "raster a file name of its own."
        )


def _require_patches(
    found: Counter[str],
    needed: Sequence[str],
    split_file: Path | None,
    tiles: Mapping[str, TileCounts],
) -> None:
    """Raise InputError unless each of the ``needed`` splits has a patch."""
    empty = [split for split in SPLITS if split in needed and not found[split]]
    if not empty:
        return
    if not found:
        total = _total(tiles)
        dropped = "".join(f", {name} {n}" for name, n in total.dropped.items() if n)
        raise InputError(
            f"No patch was kept (candidates {total.candidates}{dropped}); enlarge the area, or "
            "lower patches.size or what patches are dropped for."
        )
    advice = "enlarge the area, raise splits.fractions, or lower splits.block_degrees"
    if split_file is not None:
        advice = f"enlarge the area, or let {split_file} list some that lie in it"
    counts = ", ".join(f"{split} {found[split]}" for split in SPLITS)
    raise InputError(
        f"This run's models need {' and '.join(empty)} patches, but there are none ({counts}); "
        f"{advice}."
    )


def _total(tiles: Mapping[str, TileCounts]) -> TileCounts:
    total = TileCounts()
    for entry in tiles.values():
        total.candidates += entry.candidates
        total.kept += entry.kept
        for reason in REASONS:
            total.dropped[reason] += entry.dropped[reason]
    return total


def _write_funnel(path: Path, tiles: Mapping[str, TileCounts]) -> None:
    rows = [
        [tile, entry.candidates, entry.kept, *(entry.dropped[reason] for reason in REASONS)]
        for tile, entry in [*sorted(tiles.items()), ("total", _total(tiles))]
    ]
    header = ["tile", "candidates", "kept", *(f"dropped_{reason}" for reason in REASONS)]
    _write_csv(path, header, rows)


def _write_splits(path: Path, found: Counter[str], listed: Counter[str] | None) -> None:
    total = max(sum(found.values()), 1)
    rows = [[split, found[split], f"{100 * found[split] / total:.3f}"] for split in SPLITS]
    header = ["split", "patches", "percent"]
    if listed is not None:
        header.append("listed")
        rows = [[*row, listed[split]] for row, split in zip(rows, SPLITS, strict=True)]
    _write_csv(path, header, rows)


def _write_distances(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    formats = {"distance_metres": "{:.1f}", "distance_patches": "{:.3f}"}
    cells = [
        ["" if row[c] is None else formats.get(c, "{}").format(row[c]) for c in COLUMNS]
        for row in rows
    ]
    _write_csv(path, COLUMNS, cells)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
