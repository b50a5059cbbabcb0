"""Input functions of what shards, trainings and captions read. No rules."""

from math import ceil


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
        if parts[population] and (parts[population] == "all" or parts.get("selection")):
            return listed
        size = config["synthesis"][population]["shard_size"]
        return listed[: ceil(parts[population] / size)]

    return files


def mix_selection(population):
    """Input function: the selection that the wildcards' mix takes its samples from, if any."""

    def file(wildcards):
        parts = config["segmentation"]["mix_definitions"][wildcards.mix]
        selected = parts.get("selection") and parts[population]
        return [f"results/selection/{population}.parquet"] if selected else []

    return file


def selection_files():
    """Selections among the samples of the configured populations; none where it is off."""
    return [
        f"results/selection/{p}.parquet" for p in config["selection"]["populations"]
    ]


def selected_by(kind, *criteria):
    """Input function: tables on the wildcards' population that one of the criteria needs.

    Without criteria they are needed always.
    """
    captioner = config["selection"]["captioner"]
    tables = {
        "index": indices_of,
        "confidence": lambda population: [
            f"results/labels/{population}/{shard}.confidence.parquet"
            for shard in shards_of(population)
        ],
        "composition": lambda population: tables_of("composition", [population]),
        "real_composition": lambda population: tables_of("composition", ["real"]),
        "real_index": lambda population: indices_of("real"),
        "audit": lambda population: [f"results/audit/{population}.parquet"],
        "grounding": lambda population: [
            f"results/scores/grounding/{captioner}.parquet"
        ],
        "caption_scores": lambda population: tables_of("scores/captions", [population]),
        "captions": lambda population: captions_of([population], [captioner]),
    }

    def needed(wildcards):
        asked = asked_of(config, wildcards.population)
        if criteria and not set(criteria) & set(asked):
            return []
        return tables[kind](wildcards.population)

    return needed


def slot_before(training, folder):
    """Input function: receipt of the time slot before the wildcards' one; none for the first.

    ``training`` is a section of the configuration, ``folder`` that of its results, with wildcards.
    """
    slots = lookup(dpath=f"{training}/slots", within=config)

    def receipt(wildcards):
        slot = int(getattr(wildcards, "slot", slots))
        own = folder.format(**dict(wildcards.items()))
        return [f"{own}/slots/{slot - 1}.json"] if slot > 1 else []

    return receipt


def encoder_weights():
    """The fetched encoder weights, or nothing when encoders start from scratch."""
    if config["segmentation"]["encoder_weights"] is None:
        return []
    return [f"resources/models/encoder/{config['segmentation']['encoder']}.safetensors"]


def perceptual_weights():
    """The fetched weights of the perceptual loss, or nothing where it is off."""
    weight = config["gan"]["conditional"]["perceptual"]
    return ["resources/models/vgg19.safetensors"] if weight else []


def compared_discriminators(name):
    """A file of each discriminator of the comparison."""
    return [f"results/studies/discriminators/{d}/{name}" for d in COMPARED]


def study_tables():
    """Tables of the studies that the run makes."""
    endings = ["csv", "md"] if COMPARED else []
    return [f"results/tables/discriminators.{ending}" for ending in endings]


def study_figures():
    """Figures of the studies that the run makes."""
    return ["results/figures/discriminators.png"] if COMPARED else []


def clip_files():
    """Weights of the image-text model, and the description of a trained one."""
    if config["clip"]["train"]:
        return ["results/clip/model.safetensors", "results/clip/model.json"]
    return [f"resources/models/clip/{config['clip']['model']}.safetensors"]


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
