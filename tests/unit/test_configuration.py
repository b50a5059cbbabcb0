"""The configuration: what cannot work is refused in one sentence that names the key."""

import copy
import datetime
from pathlib import Path
from typing import Any

import pytest

from groundsynth.configuration import check_configuration, without_unused
from groundsynth.configuration_yaml import load_yaml
from groundsynth.errors import ConfigurationError
from groundsynth.estimate import merged_configuration

FOLDER = Path(__file__).parents[2] / "config"
SCHEMA = FOLDER / "config.schema.yaml"
PAPER: dict[str, Any] = load_yaml(FOLDER / "config.yaml")
REMOVED = object()


def changed(**changes: Any) -> dict[str, Any]:
    """The paper's configuration with some keys changed; ``__`` between the parts of a place."""
    config = copy.deepcopy(PAPER)
    for place, value in changes.items():
        *sections, key = place.split("__")
        node = config
        for section in sections:
            node = node.setdefault(section, {})
        if value is REMOVED:
            del node[key]
        else:
            node[key] = value
    return config


def problem(config: dict[str, Any]) -> str:
    """The sentence a configuration is refused with."""
    with pytest.raises(ConfigurationError) as refused:
        check_configuration(config, SCHEMA)
    text = str(refused.value)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    return text


@pytest.mark.parametrize("overlay", [None, *sorted(p.name for p in FOLDER.glob("*.yaml"))])
def test_what_is_given_works(overlay: str | None, tmp_path: Path) -> None:
    if overlay == SCHEMA.name:
        return
    merged = merged_configuration([FOLDER / overlay] if overlay else [])
    if merged["splits"]["file"]:  # brought by who uses it
        assert merged["splits"]["file"] == str(FOLDER / "captions.csv")
        merged["splits"]["file"] = str(tmp_path / "captions.csv")
        (tmp_path / "captions.csv").touch()
    for pair in merged["source"]["rasters"].values():  # so are these
        pair |= {name: str(tmp_path / Path(path).name) for name, path in pair.items()}
        for path in pair.values():
            Path(path).touch()
    check_configuration(merged, SCHEMA)


# What the schema says


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("run__sede", "key run.sede is unknown; did you mean seed?"),
        ("segmentaton", "key segmentaton is unknown; did you mean segmentation?"),
        ("run__verbosity", "key run.verbosity is unknown; known keys are name, seed, device,"),
        ("segmentation__mix_definitions__real__reel", "mix_definitions.real.reel is unknown; did"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(place: str, expected: str) -> None:
    assert expected in problem(changed(**{place: 1}))


def test_an_unknown_key_that_is_no_text_is_named() -> None:
    config = changed()
    config["run"][2021] = True
    assert "key run.2021 is unknown" in problem(config)


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("run__seed", "x", 'run.seed is "x", but must be a whole number from 0 (Seed of every'),
        ("run__seed", -1, "run.seed is -1, but must be a whole number from 0 ("),
        ("run__seed", 1.5, "run.seed is 1.5, but must be a whole number"),
        ("run__device", "gpu", 'run.device is "gpu", but must be auto, cpu, cuda or cuda:N ('),
        ("run__keep_state", "yes", 'is "yes", but must be true or false ('),
        ("run__precision", "half", "must be one of float32, float16, bfloat16 ("),
        ("segmentation__encoder_weights", "none", "must be one of imagenet, null ("),
        ("segmentation__learning_rate", 0, "is 0, but must be a number above 0 ("),
        ("patches__max_water_percent", 101, "must be a number from 0 to 100 ("),
        ("source__bands", [1, 2], "source.bands is [1, 2], but must be a list of 3, each a whole"),
        ("source__bands", [1, 2, 0], "source.bands.2 is 0, but must be a whole number from 1"),
        ("source__year", datetime.date(2021, 1, 1), 'is "2021-01-01", but must be a whole number'),
        ("gan", None, "gan is null, but must be a section of keys (The generative models"),
        ("segmentation__seeds", [1, 1], "segmentation.seeds names something twice"),
        ("captions__models__qwen3-4b__repository", "qwen", "repository is"),
        ("legend__classes", [], "must be a list of 2 to 254, each a section of keys"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(place: str, value: Any, expected: str) -> None:
    assert expected in problem(changed(**{place: value}))


def test_a_long_value_is_shortened() -> None:
    assert len(problem(changed(run__seed=list(range(1000))))) < 300


def test_numbers_that_yaml_reads_as_text_are_explained() -> None:
    text = problem(changed(segmentation__learning_rate="1e-9"))
    assert "write the number 0.000000001 without quotes or exponent" in text
    assert "write the number" not in problem(changed(segmentation__learning_rate="fast"))


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("report", "The configuration lacks report; config/README.md"),
        ("run__seed", "key run lacks seed; config/README.md"),
        ("segmentation__labeller__mix", "key segmentation.labeller lacks mix"),
    ],
)
def test_a_missing_key_is_named(place: str, expected: str) -> None:
    assert expected in problem(changed(**{place: REMOVED}))


@pytest.mark.parametrize(
    "name", ["a b", "a;b", "a'b", 'a"b', "a/b", "../a", ".a", "-a", "", "a\n", "ağaç", "a" * 81, 7]
)
def test_names_that_cannot_stand_in_a_file_name_are_refused(name: Any) -> None:
    config = changed()
    config["segmentation"]["mix_definitions"][name] = {
        "real": True,
        "unconditional": 0,
        "conditional": 0,
    }
    text = problem(config)
    assert f"segmentation.mix_definitions holds the name {name!r}, which cannot stand" in text


@pytest.mark.parametrize("section", ["source__rasters", "captions__models"])
def test_names_are_checked_wherever_they_are_chosen(section: str) -> None:
    text = problem(changed(**{section: {"a b": {}}}))
    assert f"{section.replace('__', '.')} holds the name 'a b'" in text


@pytest.mark.parametrize("place", ["segmentation__mixes", "captions__captioners"])
def test_names_are_checked_wherever_they_are_used(place: str) -> None:
    text = problem(changed(**{place: ["a b"]}))
    assert f'{place.replace("__", ".")}.0 is "a b", but must be a name (letters' in text


@pytest.mark.parametrize("name", ["", " tree", "tree ", "tree\n", "two  blanks", "x" * 41])
def test_class_names_are_words(name: str) -> None:
    config = changed()
    config["legend"]["classes"][0]["name"] = name
    assert "legend.classes.0.name is" in problem(config)


def test_class_names_may_have_several_words_in_any_script() -> None:
    config = changed()
    config["legend"]["classes"][0]["name"] = "plan d'eau (ağaç)"
    check_configuration(config, SCHEMA)


# What a schema cannot say


REAL_ONLY = {"real": True, "unconditional": 0, "conditional": 0}
NO_SAMPLES: dict[str, Any] = {
    "synthesis__unconditional__samples": 0,
    "synthesis__conditional__samples": 0,
    "captions__populations": ["real"],
    "segmentation__mixes": ["real"],
}
SELECTED: dict[str, Any] = {
    "selection__populations": ["unconditional"],
    "selection__captioner": "qwen3-4b_text",
    "selection__min_clipscore": 20,
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"patches__water_class": "sea"}, "patches.water_class is 'sea', which the legend"),
        ({"legend__no_data": [0, 10]}, "raster code 10 more than once"),
        (
            {"source__area__east": 25},
            "source.area (25.6685, 35.8154, 25, 42.1076) has west above east, which means a box "
            "across the antimeridian, here 359.331 degrees wide; exchange west and east.",
        ),
        ({"source__area__north": 35.8}, "source.area (25.6685, 35.8154, 44.8348, 35.8) is empty"),
        ({"source__kind": "rasters"}, "source.rasters names no pair; add one"),
        ({"patches__size": 96}, "patches.size is 96; the generative models need a power of two"),
        (
            {"patches__size": 32, "patches__stride": 32},
            "gan.conditional.upsamplings is 5, too many for patches.size 32; choose fewer",
        ),
        (
            {"patches__size": 512, "patches__stride": 512},
            "discriminator unet takes patches of 16 to 256 pixels, but patches.size is 512",
        ),
        (
            {
                "patches__size": 512,
                "patches__stride": 512,
                "gan__conditional__discriminator": "patch",
                "studies__discriminators__compared": ["segmentation"],
            },
            "discriminator segmentation takes patches of 8 to 256 pixels",
        ),
        (
            {
                **{"gan__conditional__train": False, "gan__conditional__batch": 49},
                **{"gan__conditional__gpus": 2, "synthesis__conditional__samples": 0},
                "segmentation__mixes": ["real"],
                "studies__discriminators__compared": ["unet"],
            },
            "gan.conditional.batch 49 cannot be divided into parts of 24 over 2 gpus",
        ),
        (
            {"patches__stride": 200, "splits__method": "random"},
            "patches.stride is 200, below patches.size 256",
        ),
        ({"patches__stride": 2000}, "patches.stride is 2000, more than four patch sizes"),
        ({"patches__reflectance_range": [5, 5]}, "patches.reflectance_range must rise"),
        ({"splits__fractions__train": 0.9}, "splits.fractions sum to 1.1 instead of 1"),
        (
            {"splits__fractions": {"train": 0.9, "validation": 0.1, "test": 0}},
            "splits.fractions.test is 0, but the models need test patches",
        ),
        (
            {"splits__method": "block", "splits__block_degrees": 0.04},
            "splits.block_degrees is 0.04, but a patch and splits.block_distance_metres take "
            "0.0445; raise it",
        ),
        ({"gan__conditional__train": False}, "but gan.conditional.train is false; set it to true"),
        (
            {**NO_SAMPLES, "captions__populations": ["conditional"]},
            "captions.populations names conditional, of which no samples are drawn",
        ),
        (
            {"synthesis__unconditional__first_seed": 10**8 - 1000},
            "first_seed and samples reach beyond the seed 99999999",
        ),
        ({"segmentation__mixes": ["reel"]}, "The mix 'reel' is used but not defined; add it"),
        ({"segmentation__labeller__mix": "reel"}, "The mix 'reel' is used but not defined"),
        (
            {"segmentation__labeller__mix": "real+synthetic300k"},
            "labeller.mix is 'real+synthetic300k', which holds synthetic samples",
        ),
        (
            {"segmentation__mix_definitions__real+synthetic300k__unconditional": 300_001},
            "asks for 300001 unconditional samples, but synthesis.unconditional.samples is 300000",
        ),
        (
            {"segmentation__mix_definitions__synthetic100k__unconditional": 0},
            "segmentation.mix_definitions.synthetic100k is empty",
        ),
        (
            {
                **NO_SAMPLES,
                "segmentation__mixes": ["whole"],
                "segmentation__mix_definitions__whole": {**REAL_ONLY, "conditional": "all"},
            },
            "whole asks for all conditional samples, but synthesis.conditional.samples is 0",
        ),
        (
            {"segmentation__mix_definitions__synthetic100k__selection": True},
            "takes selected unconditional samples, but selection.populations does not name uncond",
        ),
        (
            {"segmentation__mix_definitions__real__selection": True},
            "mix_definitions.real takes selected samples, but asks for none",
        ),
        (
            {"segmentation__mix_definitions__synthetic100k__unconditional": "most"},
            "must be a whole number from 0, or all",
        ),
        (
            {"selection__populations": ["unconditional"]},
            "selection.populations names unconditional, but nothing is asked of its samples",
        ),
        (
            {"selection__populations": ["conditional"], "selection__min_confidence": 0.5},
            "selection.populations names conditional, but nothing is asked of its samples",
        ),
        (
            {**SELECTED, **NO_SAMPLES},
            "selection.populations names unconditional, of which no samples are drawn",
        ),
        (
            {**SELECTED, "selection__captioner": None},
            "selection.min_clipscore judges the captions of selection.captioner, which is None",
        ),
        (
            {**SELECTED, "selection__populations": ["conditional"]},
            "captions.populations does not name conditional",
        ),
        ({**SELECTED, "clip__score": False}, "selection.min_clipscore needs CLIPScores"),
        (
            {**SELECTED, "selection__min_grounding_recall": 0, "grounding__score": False},
            "selection.min_grounding_recall needs the grounding of captions",
        ),
        ({"selection__min_confidence": 1.5}, "selection.min_confidence is 1.5"),
        ({"selection__min_clip": 1}, "selection.min_clip is unknown"),
        (
            {"segmentation__epochs": 0},
            "segmentation.budget is epochs, but segmentation.epochs is 0",
        ),
        (
            {"segmentation__budget": "steps"},
            "segmentation.budget is steps, but segmentation.steps is 0",
        ),
        (
            {"patches__size": 64, "segmentation__architectures": ["pan"]},
            "The architecture pan needs patches of at least 128 pixels, not 64",
        ),
        (
            {"patches__size": 64, "segmentation__labeller__architecture": "pan"},
            "The architecture pan needs patches of at least 128 pixels, not 64",
        ),
        (
            {"captions__captioners": ["parrot"]},
            "The captioner 'parrot' is used but not defined; add it to captions.captioner_def",
        ),
        (
            {"captions__captioner_definitions__qwen3-4b_text__model": "gpt"},
            "qwen3-4b_text.model is 'gpt', which captions.models does not list",
        ),
        (
            {"captions__captioner_definitions__qwen3-4b_text__top_p": REMOVED},
            "captioner_definitions.qwen3-4b_text lacks top_p, which the engine vllm needs",
        ),
        (
            {"captions__captioner_definitions__qwen3-4b_text__engine": "openai"},
            "captioner_definitions.qwen3-4b_text lacks base_url, served_model, which the engine op",
        ),
        (
            {"captions__vllm__options": {"dtype": "auto"}},
            "The vLLM option 'dtype' is set by captions.vllm.dtype; take it out",
        ),
        (
            {"captions__models__gemma3-4b__options": {"trust_remote_code": True}},
            "The vLLM option 'trust_remote_code' is set by nothing",
        ),
        (
            {
                "captions__captioner_definitions__grammar_text__method": "vision",
                "captions__captioners": ["grammar_text"],
            },
            "grammar_text asks the grammar engine for the method vision, which needs a model",
        ),
        ({"clip__train": True}, "clip.train is true, but clip.steps is 0"),
        (
            {"clip__train": True, "clip__steps": 9, "captions__captioners": []},
            "clip.train is true, but captions.captioners names nobody",
        ),
    ],
)
def test_combinations_that_cannot_work_are_named(changes: dict[str, Any], expected: str) -> None:
    assert expected in problem(changed(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"patches__water_class": None},
        {**NO_SAMPLES, "gan__unconditional__train": False, "gan__conditional__train": False},
        {"captions__captioners": [], "captions__populations": ["conditional"]},
        {
            **NO_SAMPLES,  # patches and captions only: the labeller is of no concern
            "gan__unconditional__train": False,
            "gan__conditional__train": False,
            "segmentation__architectures": [],
            "patches__size": 100,
            "patches__stride": 100,
            "splits__fractions": {"train": 0, "validation": 0, "test": 1},
        },
        SELECTED,
        {"selection__populations": ["unconditional"], "selection__min_confidence": 0},
        {"selection__captioner": "nobody", "selection__min_clipscore": 20},
        {"segmentation__mix_definitions__real__selection": False},
        {"segmentation__mix_definitions__synthetic100k__unconditional": "all"},
        {
            **SELECTED,
            "segmentation__mix_definitions__synthetic100k__selection": True,
        },
        {"splits__block_degrees": 0.04},
        {"splits__method": "block"},
        {"segmentation__mix_definitions__unused": {**REAL_ONLY, "real": False}},
        {"source__area": {"west": -180, "south": -90, "east": 180, "north": 90, "file": None}},
        {"source__area__west": 179, "source__area__east": -179},
    ],
)
def test_what_is_not_used_is_not_asked_for(changes: dict[str, Any]) -> None:
    check_configuration(changed(**changes), SCHEMA)


def test_an_area_file_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = problem(changed(source__area__file="mine.gpkg"))
    assert "source.area.file is mine.gpkg, which is no file (relative paths count from" in text
    (tmp_path / "mine.gpkg").touch()
    nowhere = {"west": 0, "south": 0, "east": 0, "north": 0, "file": "mine.gpkg"}
    check_configuration(changed(source__area=nowhere), SCHEMA)


def test_rasters_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.tif").touch()
    (tmp_path / "folder").mkdir()
    pair = {"imagery": "a.tif", "labels": str(tmp_path / "a.tif")}
    check_configuration(changed(source__kind="rasters", source__rasters={"a": pair}), SCHEMA)
    for labels in ("b.tif", "folder"):
        rasters = {"a": pair, "b": {**pair, "labels": labels}}
        text = problem(changed(source__kind="rasters", source__rasters=rasters))
        assert f"source.rasters.b.labels is {labels}, which is no file" in text
        assert f"here {tmp_path})" in text


def test_caption_sets_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rsicd.json").touch()
    sets = {"RSICD": {"file": "rsicd.json", "column": "raw"}}
    check_configuration(changed(captions__other_sets=sets), SCHEMA)
    sets["mine"] = {"file": "mine.csv", "column": "caption"}
    text = problem(changed(captions__other_sets=sets))
    assert "captions.other_sets.mine.file is mine.csv, which is no file" in text
    sets["mine"]["file"] = "mine{a}.csv"
    (tmp_path / "mine{a}.csv").touch()
    assert "braces" in problem(changed(captions__other_sets=sets))


def test_a_split_key_that_the_method_does_not_use_reruns_nothing() -> None:
    def left(**keys: Any) -> dict[str, Any]:
        changes = {f"splits__{name}": value for name, value in keys.items()}
        found: dict[str, Any] = without_unused(changed(**changes))["splits"]
        return found

    block = {"block_degrees": 1.0, "block_distance_metres": 9.0}
    assert left(method="random", **block) == left(method="random")
    assert left(method="random", seed=9) != left(method="random")
    assert left(method="file", file="a", seed=9, **block) == left(method="file", file="a")
    assert left(method="block", **block) != left(method="block")


@pytest.mark.parametrize(("gpus", "micro_batch", "part"), [(3, None, 85), (2, 48, 48)])
def test_batches_divide(gpus: int, micro_batch: int | None, part: int) -> None:
    places = {"gan__unconditional__gpus": gpus, "gan__unconditional__micro_batch": micro_batch}
    expected = f"gan.unconditional.batch 256 cannot be divided into parts of {part} over {gpus}"
    assert expected in problem(changed(**places))
    places |= {"gan__unconditional__micro_batch": 64, "gan__unconditional__gpus": 4}
    check_configuration(changed(**places), SCHEMA)


def test_batches_of_segmentation_divide() -> None:
    places = {"segmentation__batch": 24, "segmentation__gpus": 5}
    expected = "segmentation.batch 24 cannot be divided over 5 gpus; choose a batch that is a mult"
    assert expected in problem(changed(**places))
    check_configuration(changed(**{**places, "segmentation__gpus": 8}), SCHEMA)
    unused = {**NO_SAMPLES, "segmentation__mixes": []}
    check_configuration(changed(**places, **unused), SCHEMA)
