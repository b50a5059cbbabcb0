"""Segmentation: one training and test a cell of the matrix, in a static chain of time slots.

``advance_segmentation`` are the slots before the last: they train until their time is spent, and
write a receipt. ``train_segmentation`` is the last slot; it fails unless training is complete.
"""


localrules:
    fetch_encoder,


rule fetch_encoder:
    output:
        weights="resources/models/encoder/{encoder}.safetensors",
    log:
        "logs/fetch_encoder/{encoder}.log",
    benchmark:
        "benchmarks/fetch_encoder/{encoder}.tsv"
    conda:
        "../envs/segmentation.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        revision=1,
    message:
        "Downloading the encoder weights {wildcards.encoder}"
    shell:
        "HF_HUB_OFFLINE=0 python -m groundsynth fetch-encoder --encoder "
        "{wildcards.encoder:q} --output {output.weights:q} > {log:q} 2>&1"


rule advance_segmentation:
    input:
        real_images=images_of("real"),
        real_masks=masks_of("real"),
        real_indices=indices_of("real"),
        unconditional_images=mix_part("images", "unconditional"),
        unconditional_masks=mix_part("masks", "unconditional"),
        unconditional_indices=mix_part("index", "unconditional"),
        conditional_images=mix_part("images", "conditional"),
        conditional_masks=mix_part("masks", "conditional"),
        conditional_indices=mix_part("index", "conditional"),
        unconditional_selection=mix_selection("unconditional"),
        conditional_selection=mix_selection("conditional"),
        encoder_weights=encoder_weights(),
        before=slot_before("segmentation", CELL_FOLDER),
        splits=ancient("results/patches/splits.csv"),
    output:
        receipt="results/segmentation/{mix}/{architecture}/{seed}/slots/{slot}.json",
    log:
        "logs/advance_segmentation/{mix}/{architecture}/{seed}/{slot}.log",
    benchmark:
        "benchmarks/advance_segmentation/{mix}/{architecture}/{seed}/{slot}.tsv"
    conda:
        "../envs/segmentation.yaml"
    threads: 8
    resources:
        mem_mb=memory(32000),
        runtime=1440,
        gpu=lookup(within=config, dpath="segmentation/gpus"),
    params:
        revision=1,
        parts=mix_parts,
        legend=classes_of("legend"),
        encoder=lookup(within=config, dpath="segmentation/encoder"),
        loss=lookup(within=config, dpath="segmentation/loss"),
        class_weights=lookup(within=config, dpath="segmentation/class_weights"),
        sampling=lookup(within=config, dpath="segmentation/sampling"),
        budget=lookup(within=config, dpath="segmentation/budget"),
        epochs=lookup(within=config, dpath="segmentation/epochs"),
        steps=lookup(within=config, dpath="segmentation/steps"),
        batch=lookup(within=config, dpath="segmentation/batch"),
        learning_rate=lookup(within=config, dpath="segmentation/learning_rate"),
        weight_decay=lookup(within=config, dpath="segmentation/weight_decay"),
        schedule=lookup(within=config, dpath="segmentation/schedule"),
        patience=lookup(within=config, dpath="segmentation/patience"),
        stop_patience=lookup(within=config, dpath="segmentation/stop_patience"),
        clip_norm=lookup(within=config, dpath="segmentation/clip_norm"),
        precision=lookup(within=config, dpath="run/precision"),
        launcher=execution("segmentation_launcher"),
        device=execution("device"),
        keep_state=execution("keep_state"),
    message:
        "Training {wildcards.architecture} on {wildcards.mix} (seed {wildcards.seed}), time slot {wildcards.slot}"
    shell:
        "python {params.launcher:q} -m groundsynth advance-segmentation --real-images {input.real_images:q} "
        "--real-masks {input.real_masks:q} --real-indices {input.real_indices:q} "
        "--unconditional-images {input.unconditional_images:q} --unconditional-masks "
        "{input.unconditional_masks:q} --unconditional-indices "
        "{input.unconditional_indices:q} --conditional-images "
        "{input.conditional_images:q} --conditional-masks {input.conditional_masks:q} "
        "--conditional-indices {input.conditional_indices:q} --unconditional-selection "
        "{input.unconditional_selection:q} --conditional-selection "
        "{input.conditional_selection:q} --encoder-weights "
        "{input.encoder_weights:q} --mix {wildcards.mix:q} --mix-parts {params.parts:q} "
        "--architecture {wildcards.architecture:q} --legend {params.legend:q} --encoder "
        "{params.encoder:q} --loss {params.loss:q} --class-weights {params.class_weights:q} "
        "--sampling {params.sampling:q} --budget {params.budget:q} --epochs {params.epochs:q} --steps {params.steps:q} --batch {params.batch:q} "
        "--learning-rate {params.learning_rate:q} --weight-decay {params.weight_decay:q} "
        "--schedule {params.schedule:q} --patience {params.patience:q} --stop-patience {params.stop_patience:q} "
        "--clip-norm {params.clip_norm:q} --seed {wildcards.seed:q} --device "
        "{params.device:q} --precision {params.precision:q} --state "
        "work/train_segmentation/{wildcards.mix:q}/{wildcards.architecture:q}/{wildcards.seed:q} "
        "--keep-state {params.keep_state:q} --runtime {resources.runtime} --slot "
        "{wildcards.slot:q} --receipt {output.receipt:q} > {log:q} 2>&1"


rule train_segmentation:
    input:
        real_images=images_of("real"),
        real_masks=masks_of("real"),
        real_indices=indices_of("real"),
        unconditional_images=mix_part("images", "unconditional"),
        unconditional_masks=mix_part("masks", "unconditional"),
        unconditional_indices=mix_part("index", "unconditional"),
        conditional_images=mix_part("images", "conditional"),
        conditional_masks=mix_part("masks", "conditional"),
        conditional_indices=mix_part("index", "conditional"),
        unconditional_selection=mix_selection("unconditional"),
        conditional_selection=mix_selection("conditional"),
        encoder_weights=encoder_weights(),
        before=slot_before("segmentation", CELL_FOLDER),
        splits=ancient("results/patches/splits.csv"),
    output:
        model="results/segmentation/{mix}/{architecture}/{seed}/model.safetensors",
        description="results/segmentation/{mix}/{architecture}/{seed}/model.json",
        history="results/segmentation/{mix}/{architecture}/{seed}/history.parquet",
        confusion="results/segmentation/{mix}/{architecture}/{seed}/confusion.parquet",
        quality="results/segmentation/{mix}/{architecture}/{seed}/quality.parquet",
    log:
        "logs/train_segmentation/{mix}/{architecture}/{seed}.log",
    benchmark:
        "benchmarks/train_segmentation/{mix}/{architecture}/{seed}.tsv"
    conda:
        "../envs/segmentation.yaml"
    threads: 8
    resources:
        mem_mb=memory(32000),
        runtime=1440,
        gpu=lookup(within=config, dpath="segmentation/gpus"),
    params:
        revision=3,
        parts=mix_parts,
        legend=classes_of("legend"),
        encoder=lookup(within=config, dpath="segmentation/encoder"),
        loss=lookup(within=config, dpath="segmentation/loss"),
        class_weights=lookup(within=config, dpath="segmentation/class_weights"),
        sampling=lookup(within=config, dpath="segmentation/sampling"),
        budget=lookup(within=config, dpath="segmentation/budget"),
        epochs=lookup(within=config, dpath="segmentation/epochs"),
        steps=lookup(within=config, dpath="segmentation/steps"),
        batch=lookup(within=config, dpath="segmentation/batch"),
        learning_rate=lookup(within=config, dpath="segmentation/learning_rate"),
        weight_decay=lookup(within=config, dpath="segmentation/weight_decay"),
        schedule=lookup(within=config, dpath="segmentation/schedule"),
        patience=lookup(within=config, dpath="segmentation/patience"),
        stop_patience=lookup(within=config, dpath="segmentation/stop_patience"),
        clip_norm=lookup(within=config, dpath="segmentation/clip_norm"),
        precision=lookup(within=config, dpath="run/precision"),
        launcher=execution("segmentation_launcher"),
        device=execution("device"),
        keep_state=execution("keep_state"),
    message:
        "Training {wildcards.architecture} on {wildcards.mix} (seed {wildcards.seed})"
    shell:
        "python {params.launcher:q} -m groundsynth train-segmentation --real-images {input.real_images:q} "
        "--real-masks {input.real_masks:q} --real-indices {input.real_indices:q} "
        "--unconditional-images {input.unconditional_images:q} --unconditional-masks "
        "{input.unconditional_masks:q} --unconditional-indices "
        "{input.unconditional_indices:q} --conditional-images "
        "{input.conditional_images:q} --conditional-masks {input.conditional_masks:q} "
        "--conditional-indices {input.conditional_indices:q} --unconditional-selection "
        "{input.unconditional_selection:q} --conditional-selection "
        "{input.conditional_selection:q} --encoder-weights "
        "{input.encoder_weights:q} --mix {wildcards.mix:q} --mix-parts {params.parts:q} "
        "--architecture {wildcards.architecture:q} --legend {params.legend:q} --encoder "
        "{params.encoder:q} --loss {params.loss:q} --class-weights {params.class_weights:q} "
        "--sampling {params.sampling:q} --budget {params.budget:q} --epochs {params.epochs:q} --steps {params.steps:q} --batch {params.batch:q} "
        "--learning-rate {params.learning_rate:q} --weight-decay {params.weight_decay:q} "
        "--schedule {params.schedule:q} --patience {params.patience:q} --stop-patience {params.stop_patience:q} "
        "--clip-norm {params.clip_norm:q} --seed {wildcards.seed:q} --device "
        "{params.device:q} --precision {params.precision:q} --state "
        "work/train_segmentation/{wildcards.mix:q}/{wildcards.architecture:q}/{wildcards.seed:q} "
        "--keep-state {params.keep_state:q} --runtime {resources.runtime} --model "
        "{output.model:q} --history {output.history:q} --confusion {output.confusion:q} "
        "--quality {output.quality:q} > {log:q} 2>&1"
