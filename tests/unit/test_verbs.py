"""The verb table: every verb has a command line, and light ones import nothing heavy."""

import inspect
import json
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from groundsynth.cli import load_verb, parser_of
from groundsynth.configuration_schema import Schema, node_at
from groundsynth.configuration_yaml import load_yaml
from groundsynth.verbs import VERBS

SCHEMA: Schema = load_yaml(Path(__file__).parents[2] / "config" / "config.schema.yaml")

LIGHT = (
    "simulate-imagery",
    "simulate-labels",
    "cut-patches",
    "summarise-patches",
    "compute-composition",
    "caption-grammar",
    "score-redundancy",
    "make-tables",
    "write-report",
    "estimate",
    "check-gpu",
)
CHOICES = {
    ("patches", "scaling"): ("cut-patches", "scaling"),
    ("splits", "method"): ("cut-patches", "split_method"),
    ("gan", "unconditional", "architecture"): ("train-stylegan", "architecture"),
    ("gan", "unconditional", "augment"): ("train-stylegan", "augment"),
    ("gan", "conditional", "discriminator"): ("train-spade", "discriminator"),
    ("segmentation", "loss"): ("train-segmentation", "loss"),
    ("segmentation", "class_weights"): ("train-segmentation", "class_weights"),
    ("segmentation", "sampling"): ("train-segmentation", "sampling"),
    ("segmentation", "budget"): ("train-segmentation", "budget"),
    ("segmentation", "labeller", "architecture"): ("train-segmentation", "architecture"),
    ("captions", "vllm", "dtype"): ("caption-vllm", "dtype"),
}

IMPORTS = """
import importlib, json, sys
found = {}
for module in sys.argv[1:]:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        found[module] = str(error)
        continue
    if "torch" in sys.modules:
        found[module] = "imports torch"
        break
print(json.dumps(found))
"""


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_command_line(verb: str) -> None:
    function = load_verb(verb)
    parser = parser_of(verb, function)
    parameters = inspect.signature(function).parameters.values()
    assert parameters
    assert {p.kind for p in parameters} == {inspect.Parameter.KEYWORD_ONLY}
    assert typing.get_type_hints(function)["return"] is type(None)
    options = {action.dest for action in parser._actions} - {"help"}
    assert options == {p.name for p in parameters}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_called_like_its_function_and_described(verb: str) -> None:
    function = load_verb(verb)
    assert verb.replace("-", "_") == function.__name__
    first = (inspect.getdoc(function) or "").partition("\n")[0]
    assert first.endswith(".")
    assert len(first) > 20


def test_light_verbs_do_not_import_torch() -> None:
    """Importing it costs seconds in every job."""
    modules = dict.fromkeys(VERBS[verb].partition(":")[0] for verb in LIGHT)
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, *modules], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {}


def test_reading_the_snakefile_imports_nothing_heavy_and_is_quick() -> None:
    """Every job on a cluster reads it again."""
    code = (
        "import json, sys, time; import groundsynth.configuration, groundsynth.sources.grid\n"
        "heavy = ('torch', 'geopandas', 'rasterio', 'scipy', 'pyarrow', 'pandas', 'matplotlib')\n"
        "print(json.dumps([[n for n in heavy if n in sys.modules], time.process_time()]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy, seconds = json.loads(done.stdout)
    assert heavy == []
    assert seconds < 1


@pytest.mark.parametrize(("place", "option"), CHOICES.items())
def test_a_verb_takes_every_configured_choice(
    place: tuple[str, ...], option: tuple[str, str]
) -> None:
    choices = node_at(SCHEMA, place)["enum"]
    verb, parameter = option
    hint = typing.get_type_hints(load_verb(verb))[parameter]
    if None in choices:
        (hint,) = set(typing.get_args(hint)) - {type(None)}
    if typing.get_origin(hint) is typing.Literal:
        assert set(choices) - {None} <= set(typing.get_args(hint))
    else:
        assert hint is str
