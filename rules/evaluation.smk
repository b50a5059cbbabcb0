"""Features of images, distances and projections in their space."""


localrules:
    fetch_feature_weights,


rule fetch_feature_weights:
    output:
        weights="resources/models/features/{extractor}.{ending}",
    log:
        "logs/fetch_feature_weights/{extractor}.{ending}.log",
    benchmark:
        "benchmarks/fetch_feature_weights/{extractor}.{ending}.tsv"
    wildcard_constraints:
        ending="pth|safetensors",
    conda:
        "../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        revision=1,
        url=extractor_value("url"),
        sha256=extractor_value("sha256"),
    message:
        "Downloading the feature network {wildcards.extractor}"
    shell:
        "python -m groundsynth fetch-feature-weights --url {params.url:q} --sha256 "
        "{params.sha256:q} --output {output.weights:q} > {log:q} 2>&1"


rule extract_features:
    input:
        images=shard_file("images"),
        index=shard_file("index"),
        extractor=extractor_files,
    output:
        features="results/features/{extractor}/{population}/{shard}.parquet",
    log:
        "logs/extract_features/{extractor}/{population}/{shard}.log",
    benchmark:
        "benchmarks/extract_features/{extractor}/{population}/{shard}.tsv"
    conda:
        "../envs/segmentation.yaml"
    threads: 8
    resources:
        mem_mb=memory(16000),
        runtime=240,
        gpu=1,
    params:
        revision=2,
        weights=extractor_weights,
        network=extractor_value("network"),
        sha256=extractor_value("sha256"),
        precision=lookup(within=config, dpath="run/precision"),
        batch=execution("feature_batch"),
        device=execution("device"),
    message:
        "Extracting {wildcards.extractor} features of {wildcards.population} {wildcards.shard}"
    shell:
        "python -m groundsynth extract-features --images {input.images:q} --index "
        "{input.index:q} --population {wildcards.population:q} --extractor "
        "{wildcards.extractor:q} --weights {params.weights:q} --network {params.network:q} "
        "--sha256 {params.sha256:q} --batch {params.batch:q} --device {params.device:q} "
        "--precision {params.precision:q} --output {output.features:q} > {log:q} 2>&1"


rule measure_distances:
    input:
        real=real_features,
        real_indices=indices_of("real"),
        masks=masks_of("real"),
        synthetic=first_features,
        generator="results/gan/{population}/generator.safetensors",
        description="results/gan/{population}/generator.json",
        extractor=extractor_files,
    output:
        distances="results/distances/{extractor}/{population}.json",
    log:
        "logs/measure_distances/{extractor}/{population}.log",
    benchmark:
        "benchmarks/measure_distances/{extractor}/{population}.tsv"
    conda:
        "../envs/segmentation.yaml"
    threads: 8
    resources:
        mem_mb=memory(16000),
        runtime=240,
        gpu=1,
    params:
        revision=1,
        weights=extractor_weights,
        network=extractor_value("network"),
        sha256=extractor_value("sha256"),
        legend=classes_of("legend"),
        samples=lookup(within=config, dpath="evaluation/distance_samples"),
        baseline=lookup(within=config, dpath="evaluation/baseline_samples"),
        manifold=lookup(within=config, dpath="evaluation/manifold_samples"),
        neighbours=lookup(within=config, dpath="evaluation/neighbours"),
        subsets=lookup(within=config, dpath="evaluation/kernel_subsets"),
        subset_size=lookup(within=config, dpath="evaluation/kernel_subset_size"),
        seed=lookup(within=config, dpath="run/seed"),
        precision=lookup(within=config, dpath="run/precision"),
        batch=execution("feature_batch"),
        device=execution("device"),
    message:
        "Measuring distances of the {wildcards.population} samples by {wildcards.extractor}"
    shell:
        "python -m groundsynth measure-distances --real {input.real:q} --real-indices "
        "{input.real_indices:q} --masks {input.masks:q} --synthetic {input.synthetic:q} "
        "--population {wildcards.population:q} --generator {input.generator:q} --extractor "
        "{wildcards.extractor:q} --weights {params.weights:q} --network {params.network:q} "
        "--sha256 {params.sha256:q} --legend {params.legend:q} --distance-samples "
        "{params.samples:q} --baseline-samples {params.baseline:q} --manifold-samples "
        "{params.manifold:q} --neighbours {params.neighbours:q} --kernel-subsets "
        "{params.subsets:q} --kernel-subset-size {params.subset_size:q} --batch "
        "{params.batch:q} --seed {params.seed:q} --device {params.device:q} --precision "
        "{params.precision:q} --output {output.distances:q} > {log:q} 2>&1"


rule project_features:
    input:
        features=projected_features(),
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
