"""A small finished run: everything that tables, figures and report read, made up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from groundsynth.evaluation.leaks import Yardstick, judge
from groundsynth.figures.drawn_populations import DrawnPopulations, read_conditions
from groundsynth.files import write_json
from groundsynth.gan.snapshots import Snapshots
from groundsynth.landcover import Legend
from groundsynth.segmentation.populations import open_population
from groundsynth.segmentation.quality_scores import BINS
from groundsynth.shards import write_array
from groundsynth.tables import composition_schema, write_table

LEGEND: dict[str, Any] = {
    "no_data": [0],
    "classes": [
        {"name": "tree", "codes": [10], "color": [0, 100, 0]},
        {"name": "crop & <b>field</b>", "codes": [40], "color": [255, 215, 0]},
        {"name": "water", "codes": [80], "color": [0, 0, 255]},
    ],
}
NAMES = [entry["name"] for entry in LEGEND["classes"]]
SIZE = 16
FUNNEL = """tile,candidates,kept,dropped_labels_missing,dropped_water,dropped_rain
<i>N36E030</i>,12,6,4,2,0
N36E033,0,0,0,0,0
N36E036,8,6,1,0,1
total,20,12,5,2,1
"""
MIXES: dict[str, Any] = {
    "real": {"real": True, "unconditional": 0, "conditional": 0},
    "real+synthetic": {"real": True, "unconditional": 8, "conditional": 0},
}
SPLITS = ("train", "train", "validation", "test")
DIVERSITY = {
    "normalised_redundancy_percent": 50.0,
    "vocabulary": 7,
    "words": 96,
    **{f"distinct_{order}_percent": 10.0 * order for order in (1, 2, 3)},
    "self_bleu": None,
    "self_bleu_sample": 0,
}
CAPTIONERS = ("grammar_text", "grammar_hybrid")


def draw_masks(count: int, seed: int) -> np.ndarray:
    """uint8 [count, SIZE, SIZE]: each mask two halves of a class each."""
    random = np.random.default_rng(seed)
    masks = np.repeat(random.integers(0, 3, (count, 2)), SIZE // 2, axis=1)
    return np.repeat(masks[:, :, None], SIZE, axis=2).astype(np.uint8)


@dataclass
class Run:
    """Paths of a run's files, by kind and population."""

    folder: Path
    images: dict[str, list[Path]] = field(default_factory=dict)
    masks: dict[str, list[Path]] = field(default_factory=dict)
    indices: dict[str, list[Path]] = field(default_factory=dict)
    ids: dict[str, list[str]] = field(default_factory=dict)
    compositions: list[Path] = field(default_factory=list)
    confusions: list[Path] = field(default_factory=list)
    qualities: list[Path] = field(default_factory=list)
    captions: list[Path] = field(default_factory=list)
    redundancies: list[Path] = field(default_factory=list)
    caption_scores: list[Path] = field(default_factory=list)
    histories: list[Path] = field(default_factory=list)
    coordinates: list[Path] = field(default_factory=list)
    measured: list[Path] = field(default_factory=list)
    strips: list[Path] = field(default_factory=list)
    generators: list[Path] = field(default_factory=list)
    groundings: list[Path] = field(default_factory=list)
    selections: list[Path] = field(default_factory=list)
    audits: list[Path] = field(default_factory=list)
    neighbours: list[Path] = field(default_factory=list)
    audit_summaries: list[Path] = field(default_factory=list)

    def figure_inputs(self) -> dict[str, Any]:
        """Keyword arguments of draw_figures that name files."""
        named = {
            f"{population}_{kind}": getattr(self, kind).get(population, [])
            for population in ("real", "unconditional", "conditional")
            for kind in ("images", "masks", "indices")
        }
        lists = ("captions", "compositions", "confusions", "histories", "coordinates", "strips")
        lists += ("audits", "groundings", "qualities", "neighbours")
        return {
            **named,
            **{name: getattr(self, name) for name in lists},
            "patches": self.folder / "results/patches/index.parquet",
            "funnel": self.folder / "results/patches/funnel.csv",
        }

    def opened(self) -> DrawnPopulations:
        """The populations as the figures see them."""
        found = {
            name: open_population(
                self.images.get(name, []),
                self.masks.get(name, []),
                self.indices.get(name, []),
                real=name == "real",
            )
            for name in ("real", "unconditional", "conditional")
        }
        conditions = read_conditions(self.indices.get("conditional", []))
        return DrawnPopulations(**found, conditions=conditions)

    def table_inputs(self) -> dict[str, Any]:
        """Keyword arguments of make-tables but legend, name of the CLIP model and folder."""
        lists = ("confusions", "redundancies", "caption_scores", "compositions", "measured")
        lists += ("coordinates",)
        return {
            **{name: getattr(self, name) for name in lists},
            "qualities": self.qualities,
            "indices": self.indices.get("real", []),
            "audits": self.audit_summaries,
            "mixes": MIXES,
            "confidence": 0.95,
            "resamples": 100,
            "permutations": 1000,
            "block_degrees": None,
            "seed": 1,
            "groundings": self.groundings,
            "caption_sets": [],
            "receipts": [],
            "selections": self.selections,
        }

    def add_distances(self, extractor: str, population: str, ratio: float) -> Path:
        """Distances of 8 samples of a population in the features of an extractor."""
        names = (
            "kernel_distance",
            "kernel_deviation",
            "density",
            "coverage",
            "precision",
            "recall",
        )
        values = dict(zip(names, (0.004123, 0.001, 1.25, 0.5, 0.75, 0.625), strict=True))
        counts = {"real_train": 9, "real_test": 3, "synthetic": 8, "untrained": 4}
        record = {
            "population": population,
            "extractor": extractor,
            "feature_model": f"{extractor}-net",
            "weights_digest": "0" * 64,
            "preprocessing": "resized",
            "dimensions": 2048,
            "distance": 100 * ratio,
            **values,
            "ratio": ratio,
            "untrained": {"distance": 100.0, **values},
            "floor": {"distance": 1.5, **dict.fromkeys(names)},
            "counts": counts,
            "chosen": {name: min(count, 7) for name, count in counts.items()},
        }
        path = self.folder / f"results/distances/{extractor}/{population}.json"
        write_json(path, record)
        self.measured.append(path)
        return path

    def add_real(self, count: int = 12, zones: tuple[str, ...] = ("N36E030", "N36E036")) -> None:
        """Real patches of two tiles (UTM zones 36 and 37 meet at 36 degrees east)."""
        ids, boxes = [], []
        for number in range(count):
            tile = zones[number % len(zones)]
            row, column = divmod(number // len(zones), 4)
            ids.append(f"{tile}_{row:03d}_{column:03d}")
            west, north = int(tile[4:]) + column * 0.2, 37 - row * 0.2
            boxes.append(shapely.to_wkb(shapely.box(west, north - 0.2, west + 0.2, north)))
        index = {
            "patch_id": ids,
            "tile": [name.split("_")[0] for name in ids],
            "row": [int(name.split("_")[1]) for name in ids],
            "column": [int(name.split("_")[2]) for name in ids],
            "split": [SPLITS[number % len(SPLITS)] for number in range(count)],
            "crs": ["EPSG:4326"] * count,
            "transform": [[1.0, 0, 0, 0, -1, 0]] * count,
            "geometry": boxes,
            "year": [2021] * count,
            "scaling": ["reflectance"] * count,
        }
        self._add_shard("real", "results/patches/real/N36E030", ids, index, "real_index", 1)
        write_table(self.folder / "results/patches/index.parquet", index, "real_index", {})
        (self.folder / "results/patches/funnel.csv").write_text(FUNNEL)

    def add_samples(self, population: str, count: int = 8, **index: Any) -> None:
        """Samples of a synthetic population; conditional ones take the train patches in turn."""
        ids = [f"{population}-{seed:08d}" for seed in range(count)]
        train = [i for i, s in zip(self.ids["real"], SPLITS * 99, strict=False) if s == "train"]
        conditions = [
            train[n % len(train)] if population == "conditional" else None for n in range(count)
        ]
        columns = {
            "sample_id": ids,
            "population": [population] * count,
            "seed": list(range(count)),
            "condition_patch_id": pa.array(conditions, pa.string()),
            "model_digest": ["d"] * count,
        }
        stem = f"results/synthesis/{population}/00000"
        self._add_shard(population, stem, ids, columns, "synthetic_index", len(self.ids) + 1)

    def _add_shard(
        self,
        population: str,
        stem: str,
        ids: list[str],
        index: dict[str, Any],
        schema: str,
        seed: int,
    ) -> None:
        masks = draw_masks(len(ids), seed)
        images = Legend.from_json(LEGEND).colorize(masks) // 2 + 60
        paths = [self.folder / f"{stem}.{end}" for end in ("images.npy", "masks.npy")]
        write_array(paths[0], images.astype(np.uint8))
        write_array(paths[1], masks)
        table = self.folder / f"{stem}.index.parquet"
        write_table(table, index, schema, {})
        self.images[population], self.masks[population] = [paths[0]], [paths[1]]
        self.indices[population], self.ids[population] = [table], ids
        self._add_composition(population, ids, masks)

    def _add_composition(self, population: str, ids: list[str], masks: np.ndarray) -> None:
        shares = np.stack([(masks == c).mean(axis=(1, 2)) * 100 for c in range(3)], axis=1)
        columns: dict[str, Any] = {
            "population": [population] * len(ids),
            "id": ids,
            "mask_source": ["test"] * len(ids),
            "unlabelled_share": np.zeros(len(ids), np.float32),
        }
        columns |= {f"share_{name}": shares[:, n] for n, name in enumerate(NAMES)}
        path = self.folder / f"results/composition/{population}/00000.parquet"
        write_table(path, columns, composition_schema(Legend.from_json(LEGEND)), {})
        self.compositions.append(path)

    def add_cell(self, mix: str, architecture: str, seed: int, counts: np.ndarray) -> Path:
        """A trained segmentation model: confusion [N, K, K] and history."""
        folder = self.folder / f"results/segmentation/{mix}/{architecture}/{seed}"
        rows = len(counts)
        columns = {
            "architecture": [architecture] * rows,
            "mix": [mix] * rows,
            "seed": [seed] * rows,
            "patch_id": (self.ids["real"] + [f"p{n}" for n in range(rows)])[:rows],
            "counts": counts.reshape(rows, counts[0].size if rows else 0).tolist(),
        }
        write_table(folder / "confusion.parquet", columns, "confusion", {})
        self.confusions.append(folder / "confusion.parquet")
        self.add_history(folder / "history.parquet", loss=[1, 0.5], f1=[0.2, 0.6], iou=[0.1, 0.4])
        return folder / "confusion.parquet"

    def add_quality(self, mix: str, architecture: str, seed: int, calibration: np.ndarray) -> None:
        """What a test of a model measured beside its confusion: calibration [N, 3, BINS]."""
        rows = len(calibration)
        columns = {
            "architecture": [architecture] * rows,
            "mix": [mix] * rows,
            "seed": [seed] * rows,
            "patch_id": [f"p{n}" for n in range(rows)],
            "boundaries": [[1] * 12] * rows,
            "calibration": calibration.reshape(rows, -1).tolist(),
        }
        path = self.folder / f"results/segmentation/{mix}/{architecture}/{seed}/quality.parquet"
        write_table(path, columns, "quality", {})
        self.qualities.append(path)

    def add_history(self, path: Path, **series: list[float]) -> None:
        """A training history with the given figures at steps 1, 2, ..."""
        rows = [(n + 1, name, v) for name, values in series.items() for n, v in enumerate(values)]
        columns = {
            "step": [step for step, _, _ in rows],
            "images": [8 * step for step, _, _ in rows],
            "seconds": [1.0 * step for step, _, _ in rows],
            "name": [name for _, name, _ in rows],
            "value": [value for _, _, value in rows],
        }
        write_table(path, columns, "history", {})
        self.histories.append(path)

    def add_generator(
        self, population: str, heads: int, series: dict[str, list[float]], **ending: Any
    ) -> None:
        """A trained generator: history, description, and a strip whose rows are grey values."""
        folder = self.folder / f"results/gan/{population}"
        self.add_history(folder / "history.parquet", **series)
        self.generators.append(folder / "generator.json")
        facts = {"population": population, "architecture": "spade" if heads else "stylegan2"}
        write_json(self.generators[-1], facts | {"images": 16, "stopped_by": "kimg"} | ending)
        snapshots = Snapshots(self.folder / "work" / population, SIZE, heads, 1)
        for number, seen in enumerate((0, 8, 16)):
            images = np.full(((heads + 1) * 8, SIZE, SIZE, 3), 50 + 60 * number, np.uint8)
            images[: heads * 8] = 20
            snapshots.write(images, 8, seen)
        self.strips.append(folder / "progress.png")
        snapshots.write_strip(self.strips[-1])

    def add_captions(
        self, populations: tuple[str, ...], text: str = "Trees beside fields."
    ) -> None:
        """Captions by two captioners, their scores and redundancy."""
        for number, captioner in enumerate(CAPTIONERS):
            groups = {}
            for population in populations:
                ids = self.ids[population]
                path = self.folder / f"results/captions/{captioner}/{population}/00000.parquet"
                write_table(path, caption_columns(population, ids, captioner, text), "captions", {})
                self.captions.append(path)
                unique = len(ids) - number
                groups[population] = counts(len(ids), unique)
            total = [sum(g[key] for g in groups.values()) for key in ("captions", "unique")]
            path = self.folder / f"results/scores/redundancy/{captioner}.json"
            diversity = dict.fromkeys(groups, DIVERSITY)
            record = {"groups": groups, "diversity": DIVERSITY, "group_diversity": diversity}
            write_json(path, {**counts(*total), **record})
            self.redundancies.append(path)
        for population in populations:
            self._add_scores(population)

    def _add_scores(self, population: str) -> None:
        ids = self.ids[population]
        rows = [(i, c, 20.0 + 10 * n) for n, c in enumerate(CAPTIONERS) for i in ids]
        columns = {
            "population": [population] * len(rows),
            "id": [row[0] for row in rows],
            "captioner": [row[1] for row in rows],
            "cosine": [row[2] / 100 for row in rows],
            "clipscore": [row[2] for row in rows],
            "truncated": [row[1] == CAPTIONERS[1] for row in rows],
        }
        path = self.folder / f"results/scores/captions/{population}/00000.parquet"
        write_table(path, columns, "caption_scores", {})
        self.caption_scores.append(path)

    def add_projection(self, method: str) -> None:
        """Coordinates of all populations."""
        ids = [(population, i) for population, found in self.ids.items() for i in found]
        points = np.random.default_rng(0).normal(size=(len(ids), 2))
        columns = {
            "population": [population for population, _ in ids],
            "id": [name for _, name in ids],
            "method": [method] * len(ids),
            "x": points[:, 0],
            "y": points[:, 1],
            "parameters": ["{}"] * len(ids),
        }
        path = self.folder / f"results/projection/{method}.parquet"
        plane = {"overall": 0.125, "pairs": {"real/unconditional": 0.25}}
        scores = {"coordinates": plane, "features": {"overall": 0.5, "pairs": {}}}
        record = {"model": "unet", "parameters": {"method": method}, "silhouette": scores}
        write_table(path, columns, "coordinates", record)
        self.coordinates.append(path)

    def add_audit(self, population: str, distances: list[float]) -> None:
        """A leak audit: the samples' nearest train patches in turn, at these distances."""
        ids, real = self.ids[population][: len(distances)], self.ids["real"]
        train = [i for i, split in zip(real, SPLITS * 99, strict=False) if split == "train"]
        test = [i for i, split in zip(real, SPLITS * 99, strict=False) if split == "test"]
        yardstick = Yardstick(np.array([1.0, 2.0, 3.0][: len(test)]), 1)
        every = np.array([*distances, *yardstick.distances])
        columns = {
            "population": [population] * len(ids) + ["real"] * len(test),
            "id": [*ids, *test],
            "nearest_patch_id": [train[n % len(train)] for n in range(len(every))],
            "distance": every,
            "near_duplicate": yardstick.near(every),
        }
        path = self.folder / f"results/audit/{population}.parquet"
        write_table(path, columns, "leak_audit", {"threshold": yardstick.threshold})
        summary = {
            "population": population,
            **judge(np.array(distances), yardstick),
            "feature_model": "unet",
        }
        write_json(path.with_suffix(".json"), summary)
        self.audits.append(path)
        self.audit_summaries.append(path.with_suffix(".json"))

    def add_neighbours(self, population: str, nearest: dict[int, list[tuple[int, float]]]) -> None:
        """Samples, from the nearest on: their numbers, and numbers and distances of patches."""
        ids, real = self.ids[population], self.ids["real"]
        rows = [
            (ids[sample], 100 * place / (len(nearest) - 1), rank, real[patch], distance)
            for place, (sample, found) in enumerate(nearest.items())
            for rank, (patch, distance) in enumerate(found, 1)
        ]
        names = ("id", "nearer_percent", "rank", "patch_id", "distance")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        path = self.folder / f"results/audit/{population}_neighbours.parquet"
        record = {"threshold": 1.0, "real_test": {"median": 2.0}}
        everyone = [population] * len(rows)
        write_table(path, {"population": everyone, **columns}, "neighbours", record)
        self.neighbours.append(path)

    def add_log(self, name: str, **timing: Any) -> None:
        """A log that ends in its timing line."""
        path = self.folder / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"working\nmore\ntiming: {json.dumps(timing)}\n", "utf-8")


def made_up_calibration(honest: bool) -> np.ndarray:
    """Counts [2, 3, BINS] of two patches: right as often as said, or half as often."""
    pixels = np.full(BINS, 300.0)
    sure = pixels * (np.arange(BINS) + 0.5) / BINS
    return np.stack([[pixels, sure if honest else sure / 2, sure]] * 2)


def counts(captions: int, unique: int) -> dict[str, Any]:
    """Counts as score-redundancy writes them."""
    percent = 100 * (1 - unique / captions)
    return {"captions": captions, "unique": unique, "redundancy_percent": percent}


def caption_columns(
    population: str, ids: list[str], captioner: str, text: str
) -> dict[str, list[Any]]:
    """Columns of a caption table; every caption names its image and captioner."""
    rows = len(ids)
    constant = {
        "population": population,
        "captioner": captioner,
        "raw": "",
        "status": "ok",
        "tokens": 5,
        "prompt_version": "v1",
        "seed": 1,
        "model": "grammar",
        "revision": "1",
        "engine": "grammar",
        "engine_version": "1",
    }
    columns: dict[str, list[Any]] = {name: [value] * rows for name, value in constant.items()}
    return {**columns, "id": list(ids), "caption": [f"{text} {captioner} {i}" for i in ids]}


@pytest.fixture
def bare_run(tmp_path: Path) -> Run:
    """A run with real patches and nothing else."""
    run = Run(tmp_path)
    run.add_real()
    return run


@pytest.fixture
def full_run(bare_run: Run) -> Run:
    """A run in which every stage has given something."""
    bare_run.add_samples("unconditional")
    bare_run.add_samples("conditional")
    bare_run.add_captions(("real", "unconditional"))
    random = np.random.default_rng(3)
    for mix in ("real", "real+synthetic"):
        bare_run.add_cell(mix, "unet", 1, random.integers(1, 50, (3, 3, 3)))
        bare_run.add_quality(mix, "unet", 1, made_up_calibration(mix == "real"))
    losses = {"generator_loss": [1.0, 0.8], "discriminator_loss": [1.2, 1.1]}
    bare_run.add_generator("unconditional", 0, {**losses, "augment_p": [0.0, 0.1]})
    plateau = {"stopped_by": "plateau", "kept_images": 8, "features": "random convolutions 1"}
    counts = {"distance_samples": 1200, "distance_patches": 6}
    distance = {"random_frechet_distance": [0.5, 0.75]}
    bare_run.add_generator(
        *("conditional", 2, losses | distance),
        **plateau | counts | {"random_frechet_distance": 0.5},
    )
    bare_run.add_projection("tsne")
    bare_run.add_projection("umap")
    bare_run.add_audit("unconditional", [4.0, 0.5, 2.5, 3.0, 2.0, 3.5, 6.0, 5.0])
    bare_run.add_audit("conditional", [0.01, 0.5, 0.75, 0.9, 0.8, 0.7, 0.6, 0.02])
    bare_run.add_neighbours("unconditional", {1: [(4, 0.5), (0, 3.0)], 6: [(5, 6.0), (1, 7.5)]})
    bare_run.add_neighbours("conditional", {0: [(0, 0.01), (1, 2.5)], 3: [(5, 0.9), (8, 1.1)]})
    return bare_run


def read_png(path: Path) -> np.ndarray:
    """uint8 [H, W, 3] of a PNG file."""
    return (imread(path)[..., :3] * 255).round().astype(np.uint8)


def words_outside(figure: Figure) -> list[str]:
    """Texts of a drawing that reach over its edge."""
    FigureCanvasAgg(figure).draw()
    shown = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown]
    edge = figure.bbox
    return [
        text
        for text, box in boxes
        if min(box.x0, box.y0) < 0 or box.x1 > edge.width or box.y1 > edge.height
    ]


@pytest.fixture
def clipped() -> Any:
    """The function that lists the texts of a drawing that reach over its edge."""
    return words_outside


@pytest.fixture
def pixels() -> Any:
    """The function that reads a PNG."""
    return read_png


@pytest.fixture
def legend() -> dict[str, Any]:
    """The legend of the made-up run, JSON form; one class name holds markup."""
    return LEGEND
