"""Values of the rules' params and resources."""

import json


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


def classes_of(legend):
    """Params function: the legend without its colours as JSON text, for what draws nothing.

    So that another colour reruns drawings alone.
    """
    section = lookup(dpath=legend, within=config)
    classes = [{k: c[k] for k in c if k != "color"} for c in section["classes"]]
    section = {**section, "classes": classes}
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


def words_of(section, keys):
    """Command-line words of some keys of a section of the configuration."""
    words = [[f"--{key.replace('_', '-')}", str(section[key])] for key in keys]
    return [word for pair in words for word in pair]


def watch_words(population, rule):
    """Command-line words that say how a training is watched."""
    run = config["run"]
    words = words_of(config["gan"][population], ["snapshot_ticks"])
    words += ["--tensorboard", f"logs/tensorboard/{rule}"] if run["tensorboard"] else []
    return words + (["--wandb", run["wandb"]] if run["wandb"] else [])


def launcher_of(training):
    """What starts a training in several processes, one a GPU: words after python; none for one."""
    gpus = lookup(dpath=f"{training}/gpus", within=config)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    return [*torchrun, str(gpus)] if gpus > 1 else []


# Keys of gan.* that the trained weights do not depend on, or that the rules take apart.
UNTRAINED = ["train", "slots", "gpus", "snapshot_ticks"]

# Keys of captions.openai that say how a server is asked, not what.
REQUESTS = ["concurrency", "timeout", "retries", "part_size"]

# How jobs work, not what they make: so are the colours of the maps in a training's pictures.
EXECUTION = {
    "colors": json.dumps(
        {c["name"]: c["color"] for c in config["legend"]["classes"]}, ensure_ascii=False
    ),
    "device": config["run"]["device"],
    "keep_state": config["run"]["keep_state"],
    "feature_batch": config["evaluation"]["feature_batch"],
    "clip_batch": config["clip"]["batch"],
    "unconditional_batch": config["synthesis"]["unconditional"]["batch"],
    "conditional_batch": config["synthesis"]["conditional"]["batch"],
    "train_stylegan": watch_words("unconditional", "train_stylegan"),
    "train_spade": watch_words("conditional", "train_spade"),
    "segmentation_launcher": launcher_of("segmentation"),
    "part_size": config["captions"]["part_size"],
    "max_bad_percent": config["captions"]["max_bad_percent"],
    "vllm": words_of(
        config["captions"]["vllm"],
        ["max_num_seqs", "gpu_memory_utilization", "tensor_parallel"],
    ),
    "openai": words_of(config["captions"]["openai"], REQUESTS),
}


def execution(key):
    """Params function: how the job works, not what it makes, so that a change reruns nothing.

    Snakemake compares no parameter whose function asks for the threads.
    """
    return lambda wildcards, threads: EXECUTION[key]


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


def wants_key(wildcards, threads):
    """Params function: whether the server of the wildcards' captioner wants a key.

    Like ``execution`` it asks for the threads: a change reruns nothing.
    """
    definition = config["captions"]["captioner_definitions"][wildcards.captioner]
    return definition.get("needs_key", False)


def caption_set_column(wildcards):
    """Params function: where the captions of the wildcards' set of another make stand."""
    return config["captions"]["other_sets"][wildcards.caption_set]["column"]


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


def memory(mb):
    """Resource function: memory in MB, more at each attempt after a fault."""
    return lambda wildcards, attempt: mb * attempt


def extractor_weights(wildcards):
    """Params function: the weights file of the wildcards' extractor."""
    return extractor_files(wildcards)[0]


def extractor_value(key):
    """Params function: a value of the wildcards' extractor; none for the run's own segmenter."""
    definitions = config["evaluation"]["extractor_definitions"]
    return lambda wildcards: definitions.get(wildcards.extractor, {}).get(key)


def mix_parts(wildcards):
    """Params function: the parts of the wildcards' mix as JSON text."""
    definition = config["segmentation"]["mix_definitions"][wildcards.mix]
    return json.dumps(definition, sort_keys=True)


def selection_options(wildcards):
    """Params function: what is asked of the wildcards' population, as command-line words."""
    section = config["selection"]
    unasked = set(section) - {"captioner", *asked_of(config, wildcards.population)}
    return options_of("selection", leave=unasked)


def resampling_blocks():
    """Side in degrees of the blocks that intervals and tests draw; None for single patches."""
    own, splits = config["statistics"]["block_degrees"], config["splits"]
    return (
        splits["block_degrees"] if own is None and splits["method"] == "block" else own
    )


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


def engine_options(wildcards):
    """Params function: further arguments of vLLM for the wildcards' captioner, as JSON text."""
    section = config["captions"]
    model = section["captioner_definitions"][wildcards.captioner]["model"]
    own = section["models"][model].get("options", {})
    return json.dumps({**section["vllm"]["options"], **own}, sort_keys=True)


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
