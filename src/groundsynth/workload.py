"""How much each rule has to do in a run, in units that its time is proportional to.

The same counting serves a plan (rows expected of each shard) and a finished run (rows it has).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

Key = tuple[str, str]
"""A rule, and which of its kinds (an architecture, a captioner, ...), or an empty text."""


@dataclass(frozen=True)
class Run:
    """A run, planned or finished: its output files and the images of each shard.

    ``rows``: (population, shard) -> images; ``config`` is the whole configuration.
    """

    names: Collection[str]
    rows: Mapping[tuple[str, str], float]
    config: Mapping[str, Any]

    def images(self, population: str) -> float:
        """All images of a population."""
        return sum(count for (own, _), count in self.rows.items() if own == population)

    def split(self, name: str) -> float:
        """Real patches of a split, by its configured share."""
        return self.images("real") * float(self.config["splits"]["fractions"][name])


@dataclass
class Work:
    """Amount of work in ``unit``, and the jobs that it is divided into."""

    unit: str
    amount: float = 0.0
    jobs: int = 0


Amount = Callable[[Run, Mapping[str, str]], float]


def _shard(run: Run, found: Mapping[str, str]) -> float:
    return run.rows.get((found.get("population", "real"), found["shard"]), 0.0)


def _captioned(run: Run, found: Mapping[str, str]) -> float:
    return sum(run.images(name) for name in run.config["captions"]["populations"])


def _scored(run: Run, found: Mapping[str, str]) -> float:
    return _shard(run, found) * len(run.config["captions"]["captioners"])


def _pairs(run: Run, found: Mapping[str, str]) -> float:
    return run.images(found["population"]) * run.images("real")


def _points(run: Run, found: Mapping[str, str]) -> float:
    limit = run.config["evaluation"]["projection_limit"]
    populations = {population for population, _ in run.rows}
    return sum(min(limit, run.images(name)) for name in populations)


def _counts(run: Run, found: Mapping[str, str]) -> float:
    section = run.config["segmentation"]
    cells = len(section["mixes"]) * len(section["architectures"]) * len(section["seeds"])
    return cells * run.split("test")


def _judged(run: Run, found: Mapping[str, str]) -> float:
    section = run.config["studies"]["discriminators"]
    return min(section["most_masks"], run.split("test")) * section["samples_per_mask"]


def _epochs(run: Run, found: Mapping[str, str]) -> float:
    """Patches that a segmentation model is trained on, if it does not stop early."""
    section = run.config["segmentation"]
    if section["budget"] == "steps":
        return float(section["steps"] * section["batch"])
    parts = section["mix_definitions"].get(found["mix"])
    if parts is None:  # left by an earlier configuration; its history tells
        return 0.0
    size = run.split("train") if parts["real"] else 0.0
    for population in ("unconditional", "conditional"):
        held = run.images(population)
        size += held if parts[population] == "all" else min(held, parts[population])
    return float(section["epochs"] * size)


def _shown(population: str) -> Amount:
    return lambda run, found: 1000.0 * run.config["gan"][population]["kimg"]


def _compared(run: Run, found: Mapping[str, str]) -> float:
    return 1000.0 * float(run.config["studies"]["discriminators"]["kimg"])


def _clip(run: Run, found: Mapping[str, str]) -> float:
    return float(run.config["clip"]["steps"] * run.config["clip"]["train_batch"])


def _one(run: Run, found: Mapping[str, str]) -> float:
    return 1.0


SHARD = r"(?P<population>\w+)/(?P<shard>[^/]+)"
PLACES: dict[str, tuple[str, str, Amount]] = {
    "cut_patches": (r"patches/real/(?P<shard>[^/]+)\.images\.npy", "patches", _shard),
    "train_stylegan": (r"gan/unconditional/history\.parquet", "images", _shown("unconditional")),
    "train_spade": (r"gan/conditional/history\.parquet", "images", _shown("conditional")),
    "train_compared_spade": (
        r"studies/discriminators/(?P<kind>\w+)/history\.parquet",
        "images",
        _compared,
    ),
    "sample_unconditional": (
        rf"synthesis/(?=unconditional){SHARD}\.images\.npy",
        "samples",
        _shard,
    ),
    "sample_conditional": (rf"synthesis/(?=conditional){SHARD}\.images\.npy", "samples", _shard),
    "train_segmentation": (
        r"segmentation/(?P<mix>[^/]+)/(?P<kind>\w+)/\d+/history\.parquet",
        "patches",
        _epochs,
    ),
    "label_unconditional": (rf"labels/(?=unconditional){SHARD}\.masks\.npy", "samples", _shard),
    "compute_composition": (rf"composition/{SHARD}\.parquet", "masks", _shard),
    "caption": (rf"captions/(?P<kind>[^/]+)/{SHARD}\.parquet", "captions", _shard),
    "score_redundancy": (
        r"scores/redundancy/(?P<kind>[^/]+)\.json",
        "captions",
        _captioned,
    ),
    "score_grounding": (
        r"scores/grounding/(?P<kind>[^/]+)\.parquet",
        "captions",
        _captioned,
    ),
    "train_clip": (r"clip/history\.parquet", "pairs", _clip),
    "score_captions": (rf"scores/captions/{SHARD}\.parquet", "captions", _scored),
    "extract_features": (rf"features/(?P<kind>\w+)/{SHARD}\.parquet", "images", _shard),
    "measure_distances": (r"distances/(?P<kind>\w+)/\w+\.json", "sets", _one),
    "audit_leaks": (r"audit/(?P<population>\w+)\.json", "pairs", _pairs),
    "project_features": (r"projection/(?P<kind>\w+)\.parquet", "points", _points),
    "measure_mask_fidelity": (
        r"studies/discriminators/(?P<kind>\w+)/fidelity\.json",
        "samples",
        _judged,
    ),
    "make_tables": (r"tables/cells\.csv", "tested patches", _counts),
}
"""Rule -> where one of its outputs lies under results/, the unit, and the amount for that output.

``caption`` stands for the rules of all captioning engines.
"""
TRAININGS = tuple(rule for rule, (place, _, _) in PLACES.items() if "history" in place)
KIND_IN_LOG = {"train_segmentation": 1}
"""Which folder below logs/<rule>/ names the kind, where it is not the first."""
IN_SLOTS = {
    "advance_stylegan": "train_stylegan",
    "advance_spade": "train_spade",
    "advance_segmentation": "train_segmentation",
}
"""Rules whose jobs are parts of another rule's work."""
GPU_RULES = {
    *("advance_stylegan", "train_stylegan", "advance_spade", "train_spade"),
    *("train_compared_spade", "measure_mask_fidelity", "sample_unconditional"),
    "advance_segmentation",
    *("sample_conditional", "train_segmentation", "label_unconditional", "caption_vllm"),
    *("train_clip", "score_captions", "extract_features", "measure_distances"),
}


def work_of(run: Run) -> dict[Key, Work]:
    """The work of each rule and kind in a run, as far as time is proportional to something."""
    found: dict[Key, Work] = {}
    for rule, (place, unit, amount) in PLACES.items():
        pattern = re.compile(f"results/{place}")
        for name in run.names:
            if match := pattern.fullmatch(name):
                groups = match.groupdict()
                kind = groups.get("kind", "")
                key = (engine_rule(run.config, kind) if rule == "caption" else rule, kind)
                work = found.setdefault(key, Work(unit))
                work.amount += amount(run, groups)
                work.jobs += 1
    return found


def engine_rule(config: Mapping[str, Any], captioner: str) -> str:
    """The rule that writes a captioner's captions; "caption" for one that is no longer defined."""
    definition = config["captions"]["captioner_definitions"].get(captioner)
    return f"caption_{definition['engine']}" if definition else "caption"


def kind_of(rule: str, folders: Sequence[str]) -> str:
    """The kind that a log's place below logs/<rule>/ names; empty where the rule has none."""
    place = PLACES.get("caption" if rule.startswith("caption_") else rule, ("",))[0]
    if "<kind>" not in place:
        return ""
    return folders[KIND_IN_LOG.get(rule, 0)]


def gpus_of(rule: str, config: Mapping[str, Any]) -> int:
    """GPUs that a job of a rule asks for."""
    population = {"train_stylegan": "unconditional"}
    population |= dict.fromkeys(("train_spade", "train_compared_spade"), "conditional")
    several = config["gan"][population[rule]]["gpus"] if rule in population else 1
    if rule == "train_segmentation":
        several = config["segmentation"]["gpus"]
    return int(several) if rule in GPU_RULES else 0


def shards_in(config: Mapping[str, Any], population: str) -> dict[tuple[str, str], float]:
    """Samples of each shard of a synthetic population, as configured."""
    section = config["synthesis"][population]
    size, samples = section["shard_size"], section["samples"]
    return {
        (population, f"{n:05d}"): float(min(size, samples - n * size))
        for n in range(ceil(samples / size))
    }
