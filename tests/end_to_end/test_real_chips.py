"""A user's own rasters: three Sentinel-2 chips in three UTM zones with land cover of their own."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from groundsynth.estimate import merged_configuration

CHIPS = Path(__file__).resolve().parents[3] / "shared" / "real" / "chips"
SIZE = 32
# Codes of Esri's annual land cover: flooded vegetation counts as tree, snow as barren; clouds (8)
# are not labelled.
CODES = {"water": [1], "tree": [2, 3], "crop": [4], "built": [5], "barren": [6, 7], "grass": [9]}
NO_DATA = [0, 8]

pytestmark = pytest.mark.skipif(not CHIPS.is_dir(), reason=f"{CHIPS} is not there")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Imagery and labels by name, in a folder whose name would mean something to a shell."""
    folder = tmp_path_factory.mktemp("chips") / """my "own" (rasters); it's"""
    shutil.copytree(CHIPS, folder)
    return {
        image.stem: (image, folder / "landcover" / image.name)
        for image in sorted((folder / "imagery").glob("*.tif"))
    }


@pytest.fixture(scope="module")
def finished(pairs: dict[str, tuple[Path, Path]], run_workflow: Callable[..., str]) -> Path:
    """Folder of a finished run of the whole chain, both generators included, on the chips."""
    folder = next(iter(pairs.values()))[0].parents[2] / "run"
    configuration = merged_configuration([Path(__file__).with_name("whole_chain.yaml")])
    classes = [
        {"name": name, "codes": codes, "color": [40 * place, 200 - 30 * place, 90]}
        for place, (name, codes) in enumerate(CODES.items())
    ]
    configuration["legend"] = {"no_data": NO_DATA, "classes": classes}
    configuration["source"] |= {
        "kind": "rasters",
        "imagery_no_data": None,
        "rasters": {
            name: {"imagery": str(imagery), "labels": os.path.relpath(labels, folder)}
            for name, (imagery, labels) in pairs.items()
        },
    }
    configuration["patches"] |= {
        **{"size": SIZE, "stride": SIZE, "scaling": "none"},
        **{"water_class": "water", "max_water_percent": 100},
    }
    overlay = folder.with_name("chips.yaml")
    overlay.write_text(json.dumps(configuration), "utf-8")
    run_workflow(overlay, folder)
    return folder


def test_every_patch_lies_where_its_index_says(
    pairs: dict[str, tuple[Path, Path]], finished: Path
) -> None:
    for name, (imagery, labels) in pairs.items():
        stem = finished / "results" / "patches" / "real" / name
        images, masks = np.load(f"{stem}.images.npy"), np.load(f"{stem}.masks.npy")
        rows = pq.read_table(f"{stem}.index.parquet").to_pylist()
        assert len(rows) == len(images) == len(masks) > 0
        with rasterio.open(imagery) as colours, rasterio.open(labels) as cover:
            for row, image, mask in zip(rows, images, masks, strict=True):
                place = Affine(*row["transform"])
                left, top = ~colours.transform @ (place.c, place.f)
                window = Window(round(left), round(top), SIZE, SIZE)
                assert rasterio.crs.CRS.from_user_input(row["crs"]) == colours.crs
                assert (place.a, place.e) == (colours.transform.a, colours.transform.e)
                assert (window.row_off, window.col_off) == (SIZE * row["row"], SIZE * row["column"])
                found = colours.read((1, 2, 3), window=window)
                np.testing.assert_array_equal(image, np.moveaxis(found, 0, -1))
                np.testing.assert_array_equal(mask, classes_of(cover.read(1, window=window)))


def classes_of(codes: np.ndarray) -> np.ndarray:
    """Class numbers of land-cover codes; 255 where nothing is labelled."""
    mask = np.full(codes.shape, 255, np.uint8)
    for number, merged in enumerate(CODES.values()):
        mask[np.isin(codes, merged)] = number
    return mask


def test_footprints_are_in_degrees(pairs: dict[str, tuple[Path, Path]], finished: Path) -> None:
    import geopandas

    table = geopandas.read_parquet(finished / "results" / "patches" / "index.parquet")
    assert table.crs.to_epsg() == 4326
    for name, (imagery, _) in pairs.items():
        with rasterio.open(imagery) as raster:
            around = transform_bounds(raster.crs, "EPSG:4326", *raster.bounds)
        west, south, east, north = table[table["tile"] == name].total_bounds
        margin = 1e-3  # the chip's sides are not parallel to meridians
        assert around[0] - margin <= west < east <= around[2] + margin
        assert around[1] - margin <= south < north <= around[3] + margin


def test_counts_add_up(pairs: dict[str, tuple[Path, Path]], finished: Path) -> None:
    kept = 0
    for name in pairs:
        stem = finished / "results" / "patches" / "real" / name
        (counts,) = json.loads(Path(f"{stem}.counts.json").read_text("utf-8")).values()
        assert counts["candidates"] == (224 // SIZE) ** 2
        assert counts["candidates"] == counts["kept"] + sum(counts["dropped"].values())
        assert counts["kept"] == pq.read_metadata(f"{stem}.index.parquet").num_rows
        kept += counts["kept"]
    index = pq.read_table(finished / "results" / "patches" / "index.parquet")
    assert index.num_rows == kept
    assert set(index["split"].to_pylist()) == {"train", "validation", "test"}


@pytest.mark.parametrize("population", ["unconditional", "conditional"])
def test_both_generators_learned_and_were_sampled(finished: Path, population: str) -> None:
    results = finished / "results"
    stems = sorted((results / "synthesis" / population).glob("*.images.npy"))
    images = np.concatenate([np.load(path) for path in stems])
    assert images.shape == (6, SIZE, SIZE, 3)
    masks = [np.load(p) for p in sorted((results / "labels" / population).glob("*.masks.npy"))]
    assert set(np.unique(np.concatenate(masks))) <= {*range(len(CODES)), 255}
    distances = json.loads(
        (results / "distances" / "segmenter" / f"{population}.json").read_text("utf-8")
    )
    assert distances["counts"]["synthetic"] == len(images)


def test_every_real_patch_has_captions_with_scores(finished: Path) -> None:
    index = pq.read_table(finished / "results" / "patches" / "index.parquet")
    for name in ("grammar_text", "grammar_hybrid"):
        folder = finished / "results" / "captions" / name / "real"
        rows = [
            row for p in sorted(folder.glob("*.parquet")) for row in pq.read_table(p).to_pylist()
        ]
        assert sorted(row["id"] for row in rows) == sorted(index["patch_id"].to_pylist())
        assert all(row["caption"] for row in rows)
    scores = finished / "results" / "scores" / "captions" / "real"
    assert sum(pq.read_metadata(p).num_rows for p in scores.glob("*.parquet")) == 2 * len(index)


def test_the_report_is_there(finished: Path) -> None:
    assert (finished / "results" / "report" / "index.html").stat().st_size > 10_000
    assert len(list((finished / "results" / "figures").glob("*.png"))) >= 7
