"""Samples of the generative models, in shards by seed range."""


rule sample_unconditional:
    input:
        model="results/gan/unconditional/generator.safetensors",
        description="results/gan/unconditional/generator.json",
    output:
        images="results/synthesis/unconditional/{shard}.images.npy",
        index="results/synthesis/unconditional/{shard}.index.parquet",
    log:
        "logs/sample_unconditional/{shard}.log",
    benchmark:
        "benchmarks/sample_unconditional/{shard}.tsv"
    conda:
        "../envs/gan.yaml"
    threads: 8
    resources:
        mem_mb=memory(16000),
        runtime=240,
        gpu=1,
    params:
        revision=1,
        first_seed=first_seed,
        samples=sample_count("unconditional"),
        truncation=lookup(within=config, dpath="synthesis/unconditional/truncation"),
        precision=lookup(within=config, dpath="run/precision"),
        batch=execution("unconditional_batch"),
        device=execution("device"),
        keep_state=execution("keep_state"),
    message:
        "Sampling the unconditional shard {wildcards.shard}"
    shell:
        "python -m groundsynth sample-unconditional --model {input.model:q} "
        "--first-seed {params.first_seed:q} --count {params.samples:q} "
        "--truncation {params.truncation:q} --batch {params.batch:q} --device "
        "{params.device:q} --precision {params.precision:q} --state "
        "work/sample_unconditional/{wildcards.shard:q} --keep-state {params.keep_state:q} "
        "--images {output.images:q} --index {output.index:q} > {log:q} 2>&1"


rule sample_conditional:
    input:
        model="results/gan/conditional/generator.safetensors",
        description="results/gan/conditional/generator.json",
        masks=masks_of("real"),
        indices=indices_of("real"),
    output:
        images="results/synthesis/conditional/{shard}.images.npy",
        index="results/synthesis/conditional/{shard}.index.parquet",
        labels="results/labels/conditional/{shard}.masks.npy",
        confidence="results/labels/conditional/{shard}.confidence.parquet",
    log:
        "logs/sample_conditional/{shard}.log",
    benchmark:
        "benchmarks/sample_conditional/{shard}.tsv"
    conda:
        "../envs/gan.yaml"
    threads: 8
    resources:
        mem_mb=memory(16000),
        runtime=240,
        gpu=1,
    params:
        revision=1,
        first=first_sample,
        samples=sample_count("conditional"),
        seed=lookup(within=config, dpath="synthesis/conditional/seed"),
        rank_seed=lookup(within=config, dpath="run/seed"),
        legend=classes_of("legend"),
        precision=lookup(within=config, dpath="run/precision"),
        batch=execution("conditional_batch"),
        device=execution("device"),
        keep_state=execution("keep_state"),
    message:
        "Sampling the conditional shard {wildcards.shard}"
    shell:
        "python -m groundsynth sample-conditional --model {input.model:q} --masks "
        "{input.masks:q} --indices {input.indices:q} --legend {params.legend:q} "
        "--rank-seed {params.rank_seed:q} --first {params.first:q} --count {params.samples:q} "
        "--seed {params.seed:q} --batch {params.batch:q} --device {params.device:q} "
        "--precision {params.precision:q} --state "
        "work/sample_conditional/{wildcards.shard:q} --keep-state {params.keep_state:q} "
        "--images {output.images:q} --index "
        "{output.index:q} --labels {output.labels:q} --confidence {output.confidence:q} "
        "> {log:q} 2>&1"
