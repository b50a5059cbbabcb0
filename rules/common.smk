"""What the rules share: validation, lists of shards and cells, input functions, shell prefix."""

import json
import shlex
import sys
from math import ceil
from pathlib import Path

SOURCE_FOLDER = Path(str(workflow.basedir), "src")
sys.path.insert(0, str(SOURCE_FOLDER))

from groundsynth.configuration import check_configuration, without_unused
from groundsynth.configured import with_keys
from groundsynth.errors import GroundsynthError
from groundsynth.sources.area import tiles_of_configured
from groundsynth.sources.grid import label_tile_of

try:
    check_configuration(
        config, Path(str(workflow.basedir), "config", "config.schema.yaml")
    )
    TILES = []
    if config["source"]["kind"] != "rasters":
        TILES = tiles_of_configured(config["source"]["area"])
except GroundsynthError as error:
    raise WorkflowError(str(error)) from None
config.update(with_keys(without_unused(config)))  # so that each changed key reruns what it touches

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
LABELLER_FOLDER = f"results/segmentation/{LABELLER_CELL}"
CAPTIONERS = config["captions"]["captioners"]
SYNTHETIC = [
    p for p in ("unconditional", "conditional") if config["synthesis"][p]["samples"]
]
POPULATIONS = ["real", *SYNTHETIC]
GENERATORS = [p for p in ("unconditional", "conditional") if config["gan"][p]["train"]]
CELLS = bool(
    config["segmentation"]["architectures"] and config["segmentation"]["mixes"]
)
HAS_SEGMENTER = CELLS or bool(SYNTHETIC)


wildcard_constraints:
    shard="[A-Za-z0-9][A-Za-z0-9._+-]*",
    tile="[NS][0-9]{2}[EW][0-9]{3}",
    population="real|unconditional|conditional",
    captioner="[A-Za-z0-9][A-Za-z0-9._+-]*",
    mix="[A-Za-z0-9][A-Za-z0-9._+-]*",
    architecture="[a-z0-9]+",
    seed="[0-9]+",
    slot="[0-9]+",
    model="[A-Za-z0-9][A-Za-z0-9._+-]*",


def text_of(path):
    """Params function: a configured text as it is.

    In a text that is no function's result, Snakemake takes {name} for a wildcard.
    """
    text = lookup(dpath=path, within=config)
    return lambda wildcards: text


def json_of(path=None):
    """Params function: a section (or all) of the configuration as JSON text, in a fixed order."""
    section = lookup(dpath=path, within=config) if path else config
    text = json.dumps(section, ensure_ascii=False, sort_keys=True)
    return lambda wildcards: text


def options_of(path, leave=()):
    """A flat section of the configuration as command-line words: --key value for each key.

    A section in it gives --key-name for each of its names. Sorted by key, so that an overlay that
    only reorders the section changes nothing; what is null is left out.
    """
    section = lookup(dpath=path, within=config)
    flat = {key: section[key] for key in section if key not in leave}
    for key in [key for key in flat if isinstance(flat[key], dict)]:
        inner = flat.pop(key)
        flat |= {f"{key}_{name}": inner[name] for name in inner}
    words = []
    for key in sorted(key for key in flat if flat[key] is not None):
        words += [f"--{key.replace('_', '-')}", str(flat[key])]
    return words


def launcher_of(population):
    """What starts a training in several processes, one a GPU: words after python; none for one."""
    gpus = config["gan"][population]["gpus"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    return [*torchrun, str(gpus)] if gpus > 1 else []


def shards_of(population):
    """Names of a population's shards."""
    if population == "real":
        return REAL_SHARDS
    section = config["synthesis"][population]
    return [f"{n:05d}" for n in range(ceil(section["samples"] / section["shard_size"]))]


def imagery_of(wildcards):
    """Imagery files of a real shard."""
    if SOURCE == "rasters":
        return [config["source"]["rasters"][wildcards.shard]["imagery"]]
    tiles = [tile for tile in TILES if label_tile_of(tile) == wildcards.shard]
    return [f"resources/{SOURCE}/imagery/{tile}.tif" for tile in tiles]


def labels_of(wildcards):
    """Label file of a real shard."""
    if SOURCE == "rasters":
        return config["source"]["rasters"][wildcards.shard]["labels"]
    return f"resources/{SOURCE}/labels/{wildcards.shard}.tif"


def receipts():
    """Receipts of all tiles; own rasters have none."""
    if SOURCE == "rasters":
        return []
    folders = {"imagery": TILES, "labels": REAL_SHARDS}
    return [
        f"resources/{SOURCE}/{kind}/{t}.json" for kind in folders for t in folders[kind]
    ]


def split_file():
    """The file that lists the split of each patch, where the method is to use one."""
    splits = config["splits"]
    return [str(splits["file"])] if splits["method"] == "file" else []


def images_of(population, ending="images.npy"):
    """Image (or index) files of all shards of a population."""
    folder = (
        "results/patches/real"
        if population == "real"
        else f"results/synthesis/{population}"
    )
    return [f"{folder}/{shard}.{ending}" for shard in shards_of(population)]


def indices_of(population):
    """Index tables of all shards of a population."""
    return images_of(population, "index.parquet")


def masks_of(population):
    """Mask files of all shards of a population."""
    if population == "real":
        return images_of("real", "masks.npy")
    return [
        f"results/labels/{population}/{shard}.masks.npy"
        for shard in shards_of(population)
    ]


def shard_file(kind):
    """Input function: the images, index or masks of the wildcards' population and shard."""

    def one_file(wildcards):
        files = {"images": images_of, "index": indices_of, "masks": masks_of}[kind]
        return files(wildcards.population)[
            shards_of(wildcards.population).index(wildcards.shard)
        ]

    return one_file


def mix_part(kind, population):
    """Input function: the files of a population that the wildcards' mix needs, by kind."""

    def files(wildcards):
        parts = config["segmentation"]["mix_definitions"][wildcards.mix]
        listed = {"images": images_of, "index": indices_of, "masks": masks_of}[kind](
            population
        )
        size = config["synthesis"][population]["shard_size"]
        return listed[: ceil(parts[population] / size)]

    return files


def first_sample(wildcards):
    """Params function: number of the first sample of the wildcards' conditional shard, from 0."""
    size = config["synthesis"]["conditional"]["shard_size"]
    return with_keys(int(wildcards.shard) * size, "first")


def first_seed(wildcards):
    """Params function: seed of the first sample of the wildcards' unconditional shard."""
    section = config["synthesis"]["unconditional"]
    first = section["first_seed"] + int(wildcards.shard) * section["shard_size"]
    return with_keys(first, "first_seed")


def sample_count(population):
    """Params function: number of samples in the wildcards' shard."""
    section = config["synthesis"][population]
    size = section["shard_size"]
    return lambda wildcards: with_keys(
        min(size, section["samples"] - int(wildcards.shard) * size), "count"
    )


def slot_before(population):
    """Input function: receipt of the time slot before the wildcards' one; none for the first."""

    def receipt(wildcards):
        slot = int(getattr(wildcards, "slot", config["gan"][population]["slots"]))
        return [f"results/gan/{population}/slots/{slot - 1}.json"] if slot > 1 else []

    return receipt


def encoder_weights():
    """The fetched encoder weights, or nothing when encoders start from scratch."""
    if config["segmentation"]["encoder_weights"] is None:
        return []
    return [f"resources/models/encoder/{config['segmentation']['encoder']}.safetensors"]


def clip_files():
    """Weights of the image-text model, and the description of a trained one."""
    if config["clip"]["train"]:
        return ["results/clip/model.safetensors", "results/clip/model.json"]
    return [f"resources/models/clip/{config['clip']['model']}.safetensors"]


def captioners_of(engine):
    """Wildcard pattern of the captioners of an engine; one that never matches if there are none."""
    definitions = config["captions"]["captioner_definitions"]
    names = [name for name in definitions if definitions[name]["engine"] == engine]
    return (
        "|".join(name.replace(".", r"\.").replace("+", r"\+") for name in names)
        or "(?!)"
    )


def captioner_value(key):
    """Params function: a value of the wildcards' captioner."""
    definitions = config["captions"]["captioner_definitions"]
    return lambda wildcards: definitions[wildcards.captioner][key]


def model_value(key):
    """Params function: a value of the model that the wildcards name, or their captioner uses."""

    def value(wildcards):
        definitions = config["captions"]["captioner_definitions"]
        name = (
            getattr(wildcards, "model", None)
            or definitions[wildcards.captioner]["model"]
        )
        return config["captions"]["models"][name][key]

    return value


def model_receipt(wildcards):
    """Receipt of the model that the wildcards' captioner uses."""
    model = config["captions"]["captioner_definitions"][wildcards.captioner]["model"]
    return f"resources/models/{model}.json"


def captions_of(populations=None, captioners=None):
    """Caption tables of all shards of the populations by the captioners (default: all)."""
    return [
        f"results/captions/{captioner}/{population}/{shard}.parquet"
        for captioner in (captioners or CAPTIONERS)
        for population in (populations or config["captions"]["populations"])
        for shard in shards_of(population)
    ]


def tables_of(folder, populations):
    """Tables of all shards of the populations under a folder of the results."""
    return [
        f"results/{folder}/{p}/{shard}.parquet"
        for p in populations
        for shard in shards_of(p)
    ]


def cells_of(name):
    """A file of each cell of the segmentation matrix."""
    section = config["segmentation"]
    return [
        f"results/segmentation/{mix}/{architecture}/{seed}/{name}"
        for mix in section["mixes"]
        for architecture in section["architectures"]
        for seed in section["seeds"]
    ]


def evaluation_files():
    """Everything of the evaluation stage besides redundancy."""
    distances = [f"results/frechet/{population}.json" for population in SYNTHETIC]
    return distances + projection_files() + caption_score_files()


def caption_score_files():
    """CLIPScore tables of all captioned shards; none where scoring is off or nobody captions."""
    if not (config["clip"]["score"] and CAPTIONERS):
        return []
    return tables_of("scores/captions", config["captions"]["populations"])


def cell_files(name):
    """A file of each cell, and of the labeller, which may stand outside the matrix."""
    files = cells_of(name)
    own = f"{LABELLER_FOLDER}/{name}"
    return files if not SYNTHETIC or own in files else [*files, own]


def memory(mb):
    """Resource function: memory in MB, more at each attempt after a fault."""
    return lambda wildcards, attempt: mb * attempt


def imagery_output():
    """Path of a downloaded imagery tile, temporary if so configured."""
    path = "resources/worldcover/imagery/{tile}.tif"
    return temp(path) if config["source"]["worldcover"]["temporary_imagery"] else path


def mix_parts(wildcards):
    """Params function: the parts of the wildcards' mix as JSON text."""
    definition = config["segmentation"]["mix_definitions"][wildcards.mix]
    return json.dumps(definition, sort_keys=True)


def mask_source(wildcards):
    """Params function: where the masks of the wildcards' population come from."""
    if wildcards.population == "real":
        return f"land-cover map ({SOURCE})"
    if wildcards.population == "conditional":
        return "conditioning mask"
    return f"predicted by {LABELLER['architecture']} ({LABELLER['mix']}, seed {LABELLER['seed']})"


def model_folder(wildcards):
    """Params function: folder of the model that the wildcards' captioner uses."""
    return model_receipt(wildcards).removesuffix(".json")


def captions_by(wildcards):
    """Input function: all caption tables of the wildcards' captioner."""
    return captions_of(captioners=[wildcards.captioner])


def captions_here(wildcards):
    """Input function: the caption tables of the wildcards' population and shard."""
    return [
        f"results/captions/{captioner}/{wildcards.population}/{wildcards.shard}.parquet"
        for captioner in CAPTIONERS
    ]


def features_here(wildcards):
    """Input function: the feature tables of the wildcards' population."""
    return tables_of("features", [wildcards.population])


def clip_weights(wildcards, input):
    """Params function: the weights among the image-text model's files."""
    return next(path for path in input.clip if path.endswith(".safetensors"))


def clip_description(wildcards, input):
    """Params function: the description among the image-text model's files, if it was trained."""
    return next((path for path in input.clip if path.endswith(".json")), None)


def clip_name():
    """Name of the image-text model as it stands in tables; a small one of our own is named so."""
    if not config["clip"]["score"]:
        return "none"
    own = ", small, trained on this run" if config["clip"]["train"] else ""
    return f"{config['clip']['model']}{own}"


def shards_if(population, files):
    """The files of a population, or none where no samples are drawn."""
    return files(population) if population in SYNTHETIC else []


def history_files():
    """Histories of all trainings of the run."""
    files = [f"results/gan/{population}/history.parquet" for population in GENERATORS]
    files += cell_files("history.parquet") if HAS_SEGMENTER else []
    return files + (["results/clip/history.parquet"] if config["clip"]["train"] else [])


def projection_files():
    """Coordinates of the configured projections, where there is something to compare."""
    methods = config["evaluation"]["projections"] if SYNTHETIC else []
    return [f"results/projection/{method}.parquet" for method in methods]
