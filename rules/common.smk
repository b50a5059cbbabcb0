"""What the rules share: validation, shell prefix, what a run consists of."""

import os
import shlex
import sys
from pathlib import Path

from snakemake.logging import logger

SOURCE_FOLDER = Path(str(workflow.basedir), "src")
sys.path.insert(0, str(SOURCE_FOLDER))

from groundsynth.configuration import (
    check_configuration,
    needed_splits,
    without_unused,
)
from groundsynth.configuration_files import PAPER, read_configuration
from groundsynth.configuration_selection import asked_of
from groundsynth.configured import with_keys
from groundsynth.errors import GroundsynthError
from groundsynth.sources.area import tiles_of_configured
from groundsynth.sources.grid import label_tile_of

try:
    if workflow.is_main_process:  # the jobs of a cluster get the same files
        for path in (PAPER, *workflow.overwrite_configfiles):
            read_configuration(path)  # Snakemake lets a key stand twice in one
    check_configuration(
        config, Path(str(workflow.basedir), "config", "config.schema.yaml")
    )
    TILES = []
    if config["source"]["kind"] != "rasters":
        TILES = tiles_of_configured(config["source"]["area"])
except GroundsynthError as error:
    raise WorkflowError(str(error)) from None
config.update(
    with_keys(without_unused(config))
)  # so that each changed key reruns what it touches

# The package is found through PYTHONPATH, in whichever environment a job runs. The bin folder of
# the running interpreter comes first only where no environment is activated for the job: the
# prefix runs after the activation and would shadow it.
DEPLOYED = bool(getattr(workflow.deployment_settings, "deployment_method", None))
PATH_PREFIX = (
    "" if DEPLOYED else f'PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH" '
)
PREFIX = (
    f"export PYTHONPATH={shlex.quote(str(SOURCE_FOLDER))} PYTHONNOUSERSITE=1 "
    f"HF_HUB_OFFLINE=1 {PATH_PREFIX};"
)
shell.prefix(PREFIX.replace("{", "{{").replace("}", "}}") + " ")

SOURCE = config["source"]["kind"]
REAL_SHARDS = sorted(
    config["source"]["rasters"]
    if SOURCE == "rasters"
    else {label_tile_of(t) for t in TILES}
)
LABELLER = config["segmentation"]["labeller"]
LABELLER_CELL = f"{LABELLER['mix']}/{LABELLER['architecture']}/{LABELLER['seed']}"
CELL_FOLDER = "results/segmentation/{mix}/{architecture}/{seed}"
LABELLER_FOLDER = f"results/segmentation/{LABELLER_CELL}"
CAPTIONERS = config["captions"]["captioners"]
SYNTHETIC = [
    p for p in ("unconditional", "conditional") if config["synthesis"][p]["samples"]
]
POPULATIONS = ["real", *SYNTHETIC]
EXTRACTORS = config["evaluation"]["extractors"]
GENERATORS = [p for p in ("unconditional", "conditional") if config["gan"][p]["train"]]
COMPARED = config["studies"]["discriminators"]["compared"]
CELLS = bool(
    config["segmentation"]["architectures"] and config["segmentation"]["mixes"]
)
HAS_LABELLER = bool(SYNTHETIC or COMPARED)
HAS_SEGMENTER = CELLS or HAS_LABELLER
NEEDS_KEY = [
    name
    for name in CAPTIONERS
    if config["captions"]["captioner_definitions"][name].get("needs_key")
]

if NEEDS_KEY and os.environ.get("OPENAI_API_KEY"):

    envvars:
        "OPENAI_API_KEY",

elif NEEDS_KEY and workflow.is_main_process:
    logger.warning(
        f"OPENAI_API_KEY is not set: captions by {', '.join(NEEDS_KEY)} will fail, "
        "and what needs them waits; set it and start again for them."
    )


wildcard_constraints:
    shard="[A-Za-z0-9][A-Za-z0-9._+-]*",
    tile="[NS][0-9]{2}[EW][0-9]{3}",
    population="real|unconditional|conditional",
    captioner="[A-Za-z0-9][A-Za-z0-9._+-]*",
    caption_set="[A-Za-z0-9][A-Za-z0-9._+-]*",
    mix="[A-Za-z0-9][A-Za-z0-9._+-]*",
    architecture="[a-z0-9]+",
    seed="[0-9]+",
    slot="[0-9]+",
    discriminator="patch|unet|segmentation",
    model="[A-Za-z0-9][A-Za-z0-9._+-]*",
    extractor="segmenter|inception|dinov2",
