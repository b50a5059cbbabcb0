"""Studies: trainings of their own beside the run's, measured on patches held out from them."""


localrules:
    fetch_vgg,


rule fetch_vgg:
    output:
        weights="resources/models/vgg19.safetensors",
    log:
        "logs/fetch_vgg.log",
    benchmark:
        "benchmarks/fetch_vgg.tsv"
    conda:
        "../envs/gan.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        revision=1,
    message:
        "Downloading the weights of VGG-19"
    shell:
        "HF_HUB_OFFLINE=0 python -m groundsynth fetch-vgg --output {output.weights:q} > {log:q} 2>&1"


rule train_compared_spade:
    input:
        images=images_of("real"),
        masks=masks_of("real"),
        indices=indices_of("real"),
        perceptual=perceptual_weights(),
        splits=ancient("results/patches/splits.csv"),
    output:
        model="results/studies/discriminators/{discriminator}/generator.safetensors",
        description="results/studies/discriminators/{discriminator}/generator.json",
        history="results/studies/discriminators/{discriminator}/history.parquet",
        preview="results/studies/discriminators/{discriminator}/preview.png",
        progress="results/studies/discriminators/{discriminator}/progress.png",
        receipt="results/studies/discriminators/{discriminator}/receipt.json",
    log:
        "logs/train_compared_spade/{discriminator}.log",
    benchmark:
        "benchmarks/train_compared_spade/{discriminator}.tsv"
    conda:
        "../envs/gan.yaml"
    threads: 8
    resources:
        mem_mb=memory(32000),
        runtime=720,
        gpu=lookup(within=config, dpath="gan/conditional/gpus"),
    params:
        revision=1,
        launcher=launcher_of("gan/conditional"),
        legend=classes_of("legend"),
        options=options_of(
            "gan/conditional",
            leave=[*UNTRAINED, "plateau", "discriminator", "kimg"],
        ),
        kimg=lookup(within=config, dpath="studies/discriminators/kimg"),
        seed=lookup(within=config, dpath="run/seed"),
        precision=lookup(within=config, dpath="run/precision"),
        device=execution("device"),
        keep_state=execution("keep_state"),
        colors=execution("colors"),
    message:
        "Training a conditional generator against the discriminator {wildcards.discriminator}"
    shell:
        "python {params.launcher:q} -m groundsynth train-compared-spade --images {input.images:q} "
        "--masks {input.masks:q} --indices {input.indices:q} --legend {params.legend:q} "
        "--colors {params.colors:q} {params.options:q} --discriminator {wildcards.discriminator:q} --kimg {params.kimg:q} "
        "--perceptual-weights {input.perceptual:q} --seed {params.seed:q} --device "
        "{params.device:q} --precision {params.precision:q} --state "
        "work/train_compared_spade/{wildcards.discriminator:q} --keep-state "
        "{params.keep_state:q} --slot 1 --slots 1 --runtime {resources.runtime} --receipt "
        "{output.receipt:q} --model {output.model:q} --history {output.history:q} --preview "
        "{output.preview:q} --progress {output.progress:q} > {log:q} 2>&1"


rule measure_mask_fidelity:
    input:
        generator="results/studies/discriminators/{discriminator}/generator.safetensors",
        description="results/studies/discriminators/{discriminator}/generator.json",
        images=images_of("real"),
        masks=masks_of("real"),
        indices=indices_of("real"),
        features=tables_of("features/segmenter", ["real"]),
        segmenter=f"{LABELLER_FOLDER}/model.safetensors",
        segmenter_description=f"{LABELLER_FOLDER}/model.json",
    output:
        fidelity="results/studies/discriminators/{discriminator}/fidelity.json",
        examples="results/studies/discriminators/{discriminator}/examples.npy",
    log:
        "logs/measure_mask_fidelity/{discriminator}.log",
    benchmark:
        "benchmarks/measure_mask_fidelity/{discriminator}.tsv"
    conda:
        "../envs/segmentation.yaml"
    threads: 8
    resources:
        mem_mb=memory(16000),
        runtime=240,
        gpu=1,
    params:
        revision=2,
        legend=classes_of("legend"),
        options=options_of("studies/discriminators", leave=["compared", "kimg"]),
        seed=lookup(within=config, dpath="run/seed"),
        precision=lookup(within=config, dpath="run/precision"),
        batch=execution("feature_batch"),
        device=execution("device"),
    message:
        "Measuring the generator against {wildcards.discriminator} on held-out maps"
    shell:
        "python -m groundsynth measure-mask-fidelity --generator {input.generator:q} --images "
        "{input.images:q} --masks {input.masks:q} --indices {input.indices:q} --features "
        "{input.features:q} --segmenter {input.segmenter:q} --legend {params.legend:q} "
        "{params.options:q} --batch {params.batch:q} --seed {params.seed:q} --device "
        "{params.device:q} --precision {params.precision:q} --output {output.fidelity:q} "
        "--examples {output.examples:q} > {log:q} 2>&1"


rule compare_discriminators:
    input:
        fidelities=compared_discriminators("fidelity.json"),
        examples=compared_discriminators("examples.npy"),
        images=images_of("real"),
        masks=masks_of("real"),
        indices=indices_of("real"),
    output:
        table="results/tables/discriminators.csv",
        text="results/tables/discriminators.md",
        figure=report(
            "results/figures/discriminators.png",
            caption="report/discriminators.rst",
            category="Synthesis",
        ),
    log:
        "logs/compare_discriminators.log",
    benchmark:
        "benchmarks/compare_discriminators.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=60,
    params:
        revision=1,
        legend=json_of("legend"),
    message:
        "Comparing conditional generators by their discriminators"
    shell:
        "python -m groundsynth compare-discriminators --fidelities {input.fidelities:q} "
        "--examples {input.examples:q} --images {input.images:q} --masks {input.masks:q} "
        "--indices {input.indices:q} --legend {params.legend:q} --table {output.table:q} "
        "--text {output.text:q} --figure {output.figure:q} > {log:q} 2>&1"
