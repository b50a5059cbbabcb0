"""Features of images, distances and projections in their space."""


rule extract_features:
    input:
        images=shard_file("images"),
        index=shard_file("index"),
        model=f"{LABELLER_FOLDER}/model.safetensors",
        description=f"{LABELLER_FOLDER}/model.json",
    output:
        features="results/features/{population}/{shard}.parquet",
    log:
        "logs/extract_features/{population}/{shard}.log",
    benchmark:
        "benchmarks/extract_features/{population}/{shard}.tsv"
    conda:
        "../envs/segmentation.yaml"
    threads: 8
    resources:
        mem_mb=memory(16000),
        runtime=240,
        gpu=1,
    params:
        revision=1,
        batch=lookup(within=config, dpath="evaluation/feature_batch"),
        device=lookup(within=config, dpath="run/device"),
        precision=lookup(within=config, dpath="run/precision"),
    message:
        "Extracting features of {wildcards.population} {wildcards.shard}"
    shell:
        "python -m groundsynth extract-features --images {input.images:q} --index "
        "{input.index:q} --population {wildcards.population:q} --model {input.model:q} "
        "--batch {params.batch:q} --device {params.device:q} --precision "
        "{params.precision:q} --output {output.features:q} > {log:q} 2>&1"


rule measure_frechet:
    input:
        real=tables_of("features", ["real"]),
        real_indices=indices_of("real"),
        masks=masks_of("real"),
        synthetic=features_here,
        generator="results/gan/{population}/generator.safetensors",
        description="results/gan/{population}/generator.json",
        segmenter=f"{LABELLER_FOLDER}/model.safetensors",
        segmenter_description=f"{LABELLER_FOLDER}/model.json",
    output:
        distances="results/frechet/{population}.json",
    log:
        "logs/measure_frechet/{population}.log",
    benchmark:
        "benchmarks/measure_frechet/{population}.tsv"
    conda:
        "../envs/segmentation.yaml"
    threads: 8
    resources:
        mem_mb=memory(16000),
        runtime=240,
        gpu=1,
    params:
        revision=2,
        legend=json_of("legend"),
        samples=lookup(within=config, dpath="evaluation/baseline_samples"),
        batch=lookup(within=config, dpath="evaluation/feature_batch"),
        seed=lookup(within=config, dpath="run/seed"),
        device=lookup(within=config, dpath="run/device"),
        precision=lookup(within=config, dpath="run/precision"),
    message:
        "Measuring the Fréchet distance of the {wildcards.population} samples"
    shell:
        "python -m groundsynth measure-frechet --real {input.real:q} --real-indices "
        "{input.real_indices:q} --masks {input.masks:q} --synthetic {input.synthetic:q} "
        "--population {wildcards.population:q} --generator {input.generator:q} --segmenter "
        "{input.segmenter:q} --legend {params.legend:q} --baseline-samples "
        "{params.samples:q} --batch {params.batch:q} --seed {params.seed:q} --device "
        "{params.device:q} --precision {params.precision:q} --output {output.distances:q} "
        "> {log:q} 2>&1"


rule project_features:
    input:
        features=tables_of("features", POPULATIONS),
    output:
        coordinates="results/projection/{method}.parquet",
    log:
        "logs/project_features/{method}.log",
    benchmark:
        "benchmarks/project_features/{method}.tsv"
    wildcard_constraints:
        method="tsne|umap",
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=memory(16000),
        runtime=240,
    params:
        revision=1,
        limit=lookup(within=config, dpath="evaluation/projection_limit"),
        seed=lookup(within=config, dpath="run/seed"),
    message:
        "Projecting features by {wildcards.method}"
    shell:
        "python -m groundsynth project-features --features {input.features:q} --method "
        "{wildcards.method:q} --limit {params.limit:q} --seed {params.seed:q} --output "
        "{output.coordinates:q} > {log:q} 2>&1"
