"""Masks of the unconditional samples, predicted by a model of the segmentation matrix."""


rule label_unconditional:
    input:
        model=f"{LABELLER_FOLDER}/model.safetensors",
        description=f"{LABELLER_FOLDER}/model.json",
        images="results/synthesis/unconditional/{shard}.images.npy",
        index="results/synthesis/unconditional/{shard}.index.parquet",
    output:
        masks="results/labels/unconditional/{shard}.masks.npy",
        confidence="results/labels/unconditional/{shard}.confidence.parquet",
    log:
        "logs/label_unconditional/{shard}.log",
    benchmark:
        "benchmarks/label_unconditional/{shard}.tsv"
    conda:
        "../envs/segmentation.yaml"
    threads: 8
    resources:
        mem_mb=memory(16000),
        runtime=240,
        gpu=1,
    params:
        revision=1,
        precision=lookup(within=config, dpath="run/precision"),
        flips=lookup(within=config, dpath="segmentation/labeller/flips"),
        batch=execution("feature_batch"),
        device=execution("device"),
    message:
        "Labelling the unconditional shard {wildcards.shard}"
    shell:
        "python -m groundsynth label-unconditional --model {input.model:q} --images "
        "{input.images:q} --index {input.index:q} --batch {params.batch:q} --device "
        "{params.device:q} --precision {params.precision:q} --flips {params.flips:q} --masks "
        "{output.masks:q} --confidence {output.confidence:q} > {log:q} 2>&1"
