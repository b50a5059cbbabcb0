"""Checks a configuration before anything runs, and says what is wrong in one sentence.

Called while the Snakefile is read: nothing heavy may be imported here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from groundsynth.configuration_captions import caption_problems
from groundsynth.configuration_paths import file_problems, missing
from groundsynth.configuration_schema import refusal
from groundsynth.configuration_selection import mix_problems, selection_problems
from groundsynth.configuration_yaml import load_yaml
from groundsynth.errors import ConfigurationError
from groundsynth.gan.patch_sizes import check_conditional_size
from groundsynth.landcover import Legend
from groundsynth.segmentation.encoder_names import check_encoder
from groundsynth.segmentation.patch_sizes import check_patch_size
from groundsynth.sources.area import tiles_of_configured
from groundsynth.sources.grid import METRES_A_DEGREE_NORTH, TILE_PIXELS

Config = dict[str, Any]
REAL_ONLY = {"real": True, "unconditional": 0, "conditional": 0, "selection": False}
LAST_SEED = 10**8 - 1
"""Seeds stand with eight digits in sample ids, which are put in order as text."""


def check_configuration(config: Config, schema: Path) -> None:
    """Raise ConfigurationError for the first thing in ``config`` that cannot work.

    ``schema`` is the closed JSON schema (YAML); after it come the rules that a schema cannot
    express: names that must be defined elsewhere, sizes that must fit each other.
    """
    rules = load_yaml(schema)
    errors = list(Draft202012Validator(rules).iter_errors(config))
    if errors:
        first = min(errors, key=lambda error: len(error.absolute_path))
        raise ConfigurationError(refusal(first, rules))
    for check in CHECKS:
        for problem in check(config):
            raise ConfigurationError(problem)


def _legend(config: Config) -> Iterator[str]:
    names = Legend.from_json(config["legend"]).names  # raises for repeated names and codes
    water = config["patches"]["water_class"]
    if water is not None and water not in names:
        yield (
            f"patches.water_class is {water!r}, which the legend does not list "
            f"({', '.join(names)}); name one of them or give null."
        )


def _source(config: Config) -> Iterator[str]:
    source = config["source"]
    if source["kind"] == "rasters":
        if not source["rasters"]:
            yield "source.kind is rasters, but source.rasters names no pair; add one."
        for name, pair in source["rasters"].items():
            for role in ("imagery", "labels"):
                yield from file_problems(f"source.rasters.{name}.{role}", pair[role])
        stems = [Path(pair["imagery"]).stem for pair in source["rasters"].values()]
        repeated = sorted({stem for stem in stems if stems.count(stem) > 1})
        if repeated:
            yield (
                f"source.rasters has several imagery files called {', '.join(repeated)}; patches "
                "are named after them, so rename the files or link them under other names."
            )
        return
    if source["kind"] == "worldcover" and source["year"] != 2021:
        yield f"source.year is {source['year']}, but the public composites are those of 2021."
    file = source["area"]["file"]
    if file is None:
        tiles_of_configured(source["area"])  # raises for a box that is none
    elif not Path(file).exists():
        yield missing("source.area.file", file)


def _patches(config: Config) -> Iterator[str]:
    patches = config["patches"]
    size = patches["size"]
    trained = _has_generators(config)
    if trained and size & (size - 1):
        yield f"patches.size is {size}; the generative models need a power of two, such as 64."
    if patches["stride"] > 4 * size:
        yield f"patches.stride is {patches['stride']}, more than four patch sizes; lower it."
    low, high = patches["reflectance_range"]
    if low >= high:
        yield "patches.reflectance_range must rise; give the darkest value first."
    yield from _splits(config)


def without_unused(config: Config) -> Config:
    """The configuration with the split's keys that its method does not use at fixed values.

    So that changing one of them reruns nothing.
    """
    splits = dict(config["splits"])
    if splits["method"] != "block":
        splits |= {"block_degrees": None, "block_distance_metres": 0}
    if splits["method"] == "file":
        splits |= {"seed": 0, "fractions": {"train": 1, "validation": 0, "test": 0}}
    return {**config, "splits": splits}


def _splits(config: Config) -> Iterator[str]:
    fractions = config["splits"]["fractions"]
    total = sum(fractions.values())
    if not math.isclose(total, 1, abs_tol=1e-6):
        yield f"splits.fractions sum to {total:g} instead of 1; correct them."
    if config["splits"]["method"] == "file":
        yield from _split_file(config["splits"]["file"])
        return
    for name in needed_splits(config):
        if not fractions[name]:
            yield f"splits.fractions.{name} is 0, but the models need {name} patches; raise it."
    size, stride = config["patches"]["size"], config["patches"]["stride"]
    if config["splits"]["method"] == "random" and stride < size:
        yield (
            f"patches.stride is {stride}, below patches.size {size}, so that a random split would "
            "share pixels between training and test patches; raise it, or set splits.method to "
            "block."
        )
    yield from _blocks(config)


def needed_splits(config: Config) -> list[str]:
    """The splits that the run's models learn from, or are judged on."""
    if _has_segmenter(config):
        return ["train", "validation", "test"]
    return ["train"] if _has_generators(config) else []


def _blocks(config: Config) -> Iterator[str]:
    splits, source = config["splits"], config["source"]
    if splits["method"] != "block" or source["kind"] == "rasters":
        return
    simulated = source["kind"] == "simulated"
    pixels = source["simulated"]["pixels_per_degree"] if simulated else TILE_PIXELS
    needed = config["patches"]["size"] / pixels
    needed += splits["block_distance_metres"] / METRES_A_DEGREE_NORTH
    if splits["block_degrees"] < needed:
        yield (
            f"splits.block_degrees is {splits['block_degrees']:g}, but a patch and "
            f"splits.block_distance_metres take {needed:.3g}; raise it, best to several times that."
        )


def _split_file(file: str | None) -> Iterator[str]:
    if file is None:
        yield "splits.method is file, but splits.file names none; name it or choose another method."
    else:
        yield from file_problems("splits.file", file)


def _gan(config: Config) -> Iterator[str]:
    for population, section in config["gan"].items():
        batch, gpus = section["batch"], section["gpus"]
        part = section["micro_batch"] or max(1, batch // gpus)
        trained = section["train"] or (population == "conditional" and _compared(config))
        if trained and (part < 2 or batch % (part * gpus)):
            yield (
                f"gan.{population}.batch {batch} cannot be divided into parts of {part} over "
                f"{gpus} gpus; choose a micro_batch of at least 2 that divides batch / gpus."
            )
    conditional = config["gan"]["conditional"]
    used = {*_compared(config)} | (
        {conditional["discriminator"]} if conditional["train"] else set()
    )
    if used:
        size = config["patches"]["size"]
        check_conditional_size(size, conditional["upsamplings"], used)  # raises with its sentence


def _synthesis(config: Config) -> Iterator[str]:
    captions = config["captions"]
    captioned = captions["populations"] if captions["captioners"] else []
    for population in ("unconditional", "conditional"):
        samples = config["synthesis"][population]["samples"]
        if samples and not config["gan"][population]["train"]:
            yield (
                f"synthesis.{population}.samples is {samples}, but gan.{population}.train is "
                "false; set it to true or ask for no samples."
            )
        if samples == 0 and population in captioned:
            yield (
                f"captions.populations names {population}, of which no samples are drawn; remove "
                f"it or raise synthesis.{population}.samples."
            )
    section = config["synthesis"]["unconditional"]
    if section["first_seed"] + section["samples"] - 1 > LAST_SEED:
        yield (
            "synthesis.unconditional.first_seed and samples reach beyond the seed "
            f"{LAST_SEED}; lower one of them."
        )


def _has_cells(config: Config) -> bool:
    """Whether the matrix of segmentation trainings has a cell."""
    return all(config["segmentation"][key] for key in ("architectures", "mixes", "seeds"))


def _has_samples(config: Config) -> bool:
    return any(config["synthesis"][name]["samples"] for name in ("unconditional", "conditional"))


def _has_segmenter(config: Config) -> bool:
    """Whether any segmentation model is trained: a cell, or the labeller of samples."""
    return _has_cells(config) or _has_samples(config) or bool(_compared(config))


def _has_generators(config: Config) -> bool:
    """Whether any generative model is trained."""
    trained = any(config["gan"][population]["train"] for population in config["gan"])
    return trained or bool(_compared(config))


def _compared(config: Config) -> list[str]:
    """Discriminators whose generators are compared."""
    names: list[str] = config["studies"]["discriminators"]["compared"]
    return names


def _segmentation(config: Config) -> Iterator[str]:
    section = config["segmentation"]
    definitions = section["mix_definitions"]
    labeller = section["labeller"]
    for name in [*section["mixes"], labeller["mix"]]:
        if name not in definitions:
            yield (
                f"The mix {name!r} is used but not defined; add it to segmentation.mix_definitions "
                f"(defined are {', '.join(definitions)})."
            )
    for name in section["mixes"]:
        yield from _mix(name, definitions[name], config)
    if {"selection": False, **definitions[labeller["mix"]]} != REAL_ONLY:
        yield (
            f"segmentation.labeller.mix is {labeller['mix']!r}, which holds synthetic samples; the "
            "labeller must be trained on real patches only."
        )
    if section["budget"] == "epochs" and section["epochs"] == 0:
        yield "segmentation.budget is epochs, but segmentation.epochs is 0; raise it."
    if section["budget"] == "steps" and section["steps"] == 0:
        yield "segmentation.budget is steps, but segmentation.steps is 0; raise it."
    batch, gpus = section["batch"], section["gpus"]
    if _has_segmenter(config) and batch % gpus:
        yield (
            f"segmentation.batch {batch} cannot be divided over {gpus} gpus; choose a batch that "
            "is a multiple of segmentation.gpus."
        )
    used = set(section["architectures"]) if _has_cells(config) else set()
    labels = _has_samples(config) or _compared(config)
    used |= {labeller["architecture"]} if labels else set()
    for architecture in sorted(used):
        check_patch_size(architecture, config["patches"]["size"])  # raises with its sentence
    if used:
        check_encoder(section["encoder"])


def _mix(name: str, parts: Config, config: Config) -> Iterator[str]:
    if not parts["real"] and not parts["unconditional"] and not parts["conditional"]:
        yield f"segmentation.mix_definitions.{name} is empty; give it real or synthetic images."
    for population in ("unconditional", "conditional"):
        drawn = config["synthesis"][population]["samples"]
        if parts[population] == "all" and not drawn:
            yield (
                f"segmentation.mix_definitions.{name} asks for all {population} samples, but "
                f"synthesis.{population}.samples is 0; raise it or lower the mix."
            )
        if parts[population] != "all" and parts[population] > drawn:
            yield (
                f"segmentation.mix_definitions.{name} asks for {parts[population]} {population} "
                f"samples, but synthesis.{population}.samples is {drawn}; raise it or lower the "
                "mix."
            )
    yield from mix_problems(name, parts, config["selection"]["populations"])


CHECKS: tuple[Callable[[Config], Iterator[str]], ...] = (
    _legend,
    _source,
    _patches,
    _gan,
    _synthesis,
    _segmentation,
    caption_problems,
    selection_problems,
)
