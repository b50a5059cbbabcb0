"""Input functions of the evaluation and the report. No rules."""


def evaluation_files():
    """Everything of the evaluation stage besides redundancy."""
    scores = caption_score_files() + grounding_files() + selection_files()
    compared = distance_files() + audit_files("json") + projection_files()
    return compared + scores


def distance_files():
    """Distances of each synthetic population in the features of each extractor."""
    return [f"results/distances/{e}/{p}.json" for e in EXTRACTORS for p in SYNTHETIC]


def caption_score_files():
    """CLIPScore tables of all captioned shards; none where scoring is off or nobody captions."""
    if not (config["clip"]["score"] and CAPTIONERS):
        return []
    return tables_of("scores/captions", config["captions"]["populations"])


def grounding_files():
    """Grounding tables of the captioners; none where it is off."""
    names = CAPTIONERS if config["grounding"]["score"] else []
    return [f"results/scores/grounding/{captioner}.parquet" for captioner in names]


def captioned_compositions():
    """Composition tables of all captioned shards."""
    return tables_of("composition", config["captions"]["populations"])


def cell_files(name):
    """A file of each cell, and of the labeller, which may stand outside the matrix."""
    files = cells_of(name)
    own = f"{LABELLER_FOLDER}/{name}"
    return files if not HAS_LABELLER or own in files else [*files, own]


def imagery_output():
    """Path of a downloaded imagery tile, temporary if so configured."""
    path = "resources/worldcover/imagery/{tile}.tif"
    return temp(path) if config["source"]["worldcover"]["temporary_imagery"] else path


def captions_by(wildcards):
    """Input function: all caption tables of the wildcards' captioner."""
    return captions_of(captioners=[wildcards.captioner])


def caption_set_file(wildcards):
    """Input function: the file of the wildcards' caption set of another make."""
    return config["captions"]["other_sets"][wildcards.caption_set]["file"]


def caption_set_files():
    """Counts of all caption sets of other makes that the configuration names."""
    sets = config["captions"]["other_sets"]
    return [f"results/scores/caption_sets/{name}.json" for name in sets]


def model_receipts():
    """Receipts of the models that the run's captioners use, each once."""
    section = config["captions"]
    definitions = [section["captioner_definitions"][name] for name in CAPTIONERS]
    models = [d["model"] for d in definitions if d["engine"] == "vllm"]
    return [f"resources/models/{model}.json" for model in dict.fromkeys(models)]


def captions_here(wildcards):
    """Input function: the caption tables of the wildcards' population and shard."""
    return [
        f"results/captions/{captioner}/{wildcards.population}/{wildcards.shard}.parquet"
        for captioner in CAPTIONERS
    ]


def extractor_files(wildcards):
    """Input function: weights of the wildcards' extractor, first, and what describes them."""
    if wildcards.extractor == "segmenter":
        return [f"{LABELLER_FOLDER}/model.safetensors", f"{LABELLER_FOLDER}/model.json"]
    ending = {"inception": "pth", "dinov2": "safetensors"}[wildcards.extractor]
    return [f"resources/models/features/{wildcards.extractor}.{ending}"]


def real_features(wildcards):
    """Input function: the real feature tables by the wildcards' extractor."""
    return tables_of(f"features/{wildcards.extractor}", ["real"])


def first_features(wildcards):
    """Input function: feature tables of the shards that the distances' samples come from."""
    files = tables_of(f"features/{wildcards.extractor}", [wildcards.population])
    size = config["synthesis"][wildcards.population]["shard_size"]
    return files[: ceil(config["evaluation"]["distance_samples"] / size)]


def projected_features():
    """Feature tables of all populations by the extractor of the projections."""
    return tables_of(
        f"features/{config['evaluation']['projection_extractor']}", POPULATIONS
    )


def audited_features(population):
    """Feature tables of a population in which copies are looked for: by one extractor, all shards."""
    return tables_of(
        f"features/{config['evaluation']['projection_extractor']}", [population]
    )


def audited_here(wildcards):
    """Input function: the same of the wildcards' population."""
    return audited_features(wildcards.population)


def audit_files(ending):
    """Leak audits of the synthetic populations: tables (parquet) or summaries (json)."""
    return [f"results/audit/{population}.{ending}" for population in SYNTHETIC]


def neighbour_files():
    """The shown samples of each synthetic population with their nearest training patches."""
    return [
        f"results/audit/{population}_neighbours.parquet" for population in SYNTHETIC
    ]


def shards_if(population, files):
    """The files of a population, or none where no samples are drawn."""
    return files(population) if population in SYNTHETIC else []


def generator_files(name):
    """The files of that name of all generators that the run trains."""
    return [f"results/gan/{population}/{name}" for population in GENERATORS]


def history_files():
    """Histories of all trainings of the run."""
    files = generator_files("history.parquet")
    files += cell_files("history.parquet") if HAS_SEGMENTER else []
    return files + (["results/clip/history.parquet"] if config["clip"]["train"] else [])


def projection_files():
    """Coordinates of the configured projections, where there is something to compare."""
    methods = config["evaluation"]["projections"] if SYNTHETIC else []
    return [f"results/projection/{method}.parquet" for method in methods]


def report_files(wildcards):
    """Input function: page and pictures, so that a finished run gets those of a later version."""
    return rules.write_report.output
