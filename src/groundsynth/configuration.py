"""Checks a configuration before anything runs, and says what is wrong in one sentence.

Called while the Snakefile is read: nothing heavy may be imported here.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from groundsynth.errors import ConfigurationError
from groundsynth.landcover import Legend
from groundsynth.segmentation.patch_sizes import check_patch_size
from groundsynth.sources.grid import tiles_of_area

Config = dict[str, Any]


def check_configuration(config: Config, schema: Path) -> None:
    """Raise ConfigurationError for the first thing in ``config`` that cannot work.

    ``schema`` is the closed JSON schema (YAML); after it come the rules that a schema cannot
    express: names that must be defined elsewhere, sizes that must fit each other.
    """
    validator = Draft202012Validator(yaml.safe_load(schema.read_text("utf-8")))
    errors = sorted(validator.iter_errors(config), key=lambda error: len(error.absolute_path))
    if errors:
        raise ConfigurationError(_sentence(errors[0]))
    for check in CHECKS:
        for problem in check(config):
            raise ConfigurationError(problem)


def _sentence(error: ValidationError) -> str:
    """A schema error as one sentence that names the key and what it allows."""
    place = ".".join(str(part) for part in error.absolute_path)
    where = f"The configuration key {place}" if place else "The configuration"
    if error.validator == "additionalProperties":
        return _unknown_key(error, place)
    if error.validator == "required":
        missing = sorted(set(error.validator_value) - set(error.instance))
        return f"{where} lacks {', '.join(missing)}; see config/README.md for what to give."
    if "propertyNames" in error.absolute_schema_path:
        return (
            f"The configuration key {place or 'at the top'} has the name {error.instance!r}, which "
            "cannot stand in a file name; use letters, digits and . _ + - only."
        )
    description = error.schema.get("description") if isinstance(error.schema, dict) else None
    meaning = f" ({str(description).rstrip('.')})" if description else ""
    return f"{where} is {error.instance!r}{meaning}: {error.message}; correct it."


def _unknown_key(error: ValidationError, place: str) -> str:
    known = list(error.schema.get("properties", {}))
    unknown = next(key for key in error.instance if key not in known)
    near = difflib.get_close_matches(str(unknown), known, n=1, cutoff=0.5)
    advice = f"did you mean {near[0]}?" if near else f"known keys are {', '.join(known)}."
    full = f"{place}.{unknown}" if place else unknown
    return f"The configuration key {full} is unknown; {advice}"


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
                if not Path(pair[role]).exists():
                    yield (
                        f"source.rasters.{name}.{role} is {pair[role]}, which does not exist in "
                        f"{Path.cwd().name or '/'} (relative paths count from the run's folder); "
                        "correct the path."
                    )
        return
    area = source["area"]
    if area["west"] >= area["east"] or area["south"] >= area["north"]:
        yield "source.area is empty: west must lie below east and south below north."
    elif not tiles_of_area(area["west"], area["south"], area["east"], area["north"]):
        yield "source.area holds no tile; enlarge it."


def _patches(config: Config) -> Iterator[str]:
    patches = config["patches"]
    size = patches["size"]
    trained = any(config["gan"][population]["train"] for population in config["gan"])
    if trained and size & (size - 1):
        yield f"patches.size is {size}; the generative models need a power of two, such as 64."
    if patches["stride"] > 4 * size:
        yield f"patches.stride is {patches['stride']}, more than four patch sizes; lower it."
    low, high = patches["reflectance_range"]
    if low >= high:
        yield "patches.reflectance_range must rise; give the darkest value first."
    total = sum(config["splits"]["fractions"].values())
    if not math.isclose(total, 1, abs_tol=1e-6):
        yield f"splits.fractions sum to {total:g} instead of 1; correct them."


def _synthesis(config: Config) -> Iterator[str]:
    for population in ("unconditional", "conditional"):
        samples = config["synthesis"][population]["samples"]
        if samples and not config["gan"][population]["train"]:
            yield (
                f"synthesis.{population}.samples is {samples}, but gan.{population}.train is "
                "false; set it to true or ask for no samples."
            )
        if samples == 0 and population in config["captions"]["populations"]:
            yield (
                f"captions.populations names {population}, of which no samples are drawn; remove "
                f"it or raise synthesis.{population}.samples."
            )


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
    if definitions[labeller["mix"]] != {"real": True, "unconditional": 0, "conditional": 0}:
        yield (
            f"segmentation.labeller.mix is {labeller['mix']!r}, which holds synthetic samples; the "
            "labeller must be trained on real patches only."
        )
    if section["budget"] == "epochs" and section["epochs"] == 0:
        yield "segmentation.budget is epochs, but segmentation.epochs is 0; raise it."
    if section["budget"] == "steps" and section["steps"] == 0:
        yield "segmentation.budget is steps, but segmentation.steps is 0; raise it."
    for architecture in {*section["architectures"], labeller["architecture"]}:
        check_patch_size(architecture, config["patches"]["size"])  # raises with its sentence


def _mix(name: str, parts: Config, config: Config) -> Iterator[str]:
    if not parts["real"] and not parts["unconditional"] and not parts["conditional"]:
        yield f"segmentation.mix_definitions.{name} is empty; give it real or synthetic images."
    for population in ("unconditional", "conditional"):
        drawn = config["synthesis"][population]["samples"]
        if parts[population] > drawn:
            yield (
                f"segmentation.mix_definitions.{name} asks for {parts[population]} {population} "
                f"samples, but synthesis.{population}.samples is {drawn}; raise it or lower the "
                "mix."
            )


def _captions(config: Config) -> Iterator[str]:
    section = config["captions"]
    for name in section["captioners"]:
        if name not in section["captioner_definitions"]:
            yield (
                f"The captioner {name!r} is used but not defined; add it to "
                "captions.captioner_definitions."
            )
        captioner = section["captioner_definitions"][name]
        if captioner["engine"] == "vllm":
            missing = {"model", "temperature", "top_p"} - set(captioner)
            if missing:
                yield (
                    f"captions.captioner_definitions.{name} lacks {', '.join(sorted(missing))}, "
                    "which the engine vllm needs."
                )
            if captioner["model"] not in section["models"]:
                yield (
                    f"captions.captioner_definitions.{name}.model is {captioner['model']!r}, which "
                    "captions.models does not list; add it."
                )
        elif captioner["method"] == "vision":
            yield (
                f"captions.captioner_definitions.{name} asks the grammar engine for the method "
                "vision, which needs a model; use text or hybrid, or the engine vllm."
            )
    if config["clip"]["train"] and config["clip"]["steps"] == 0:
        yield "clip.train is true, but clip.steps is 0; raise it."


CHECKS: tuple[Callable[[Config], Iterator[str]], ...] = (
    _legend,
    _source,
    _patches,
    _synthesis,
    _segmentation,
    _captions,
)
