"""Generative models, each trained by a static chain of time slots.

``advance_*`` are the slots before the last: they train until their time is spent, and write a
receipt. ``train_*`` is the last slot and declares the model; it fails unless training is complete.
Their priority is higher, because everything synthetic waits for them.
"""


rule advance_stylegan:
    input:
        images=images_of("real"),
        indices=indices_of("real"),
        before=slot_before("gan/unconditional", "results/gan/unconditional"),
        splits=ancient("results/patches/splits.csv"),
    output:
        receipt="results/gan/unconditional/slots/{slot}.json",
    log:
        "logs/advance_stylegan/{slot}.log",
    benchmark:
        "benchmarks/advance_stylegan/{slot}.tsv"
    priority: 10
    conda:
        "../envs/gan.yaml"
    threads: 8
    resources:
        mem_mb=memory(32000),
        runtime=720,
        gpu=lookup(within=config, dpath="gan/unconditional/gpus"),
    params:
        revision=2,
        launcher=launcher_of("gan/unconditional"),
        options=options_of("gan/unconditional", leave=UNTRAINED),
        seed=lookup(within=config, dpath="run/seed"),
        precision=lookup(within=config, dpath="run/precision"),
        device=execution("device"),
        keep_state=execution("keep_state"),
        watch=execution("train_stylegan"),
    message:
        "Training the unconditional generator, time slot {wildcards.slot}"
    shell:
        "python {params.launcher:q} -m groundsynth advance-stylegan --images {input.images:q} "
        "--indices {input.indices:q} {params.options:q} --seed {params.seed:q} "
        "--device {params.device:q} --precision {params.precision:q} "
        "--state work/train_stylegan --keep-state {params.keep_state:q} --slot {wildcards.slot:q} "
        "--runtime {resources.runtime} --receipt {output.receipt:q} {params.watch:q} "
        "> {log:q} 2>&1"


rule train_stylegan:
    input:
        images=images_of("real"),
        indices=indices_of("real"),
        before=slot_before("gan/unconditional", "results/gan/unconditional"),
        splits=ancient("results/patches/splits.csv"),
    output:
        model="results/gan/unconditional/generator.safetensors",
        description="results/gan/unconditional/generator.json",
        history="results/gan/unconditional/history.parquet",
        preview="results/gan/unconditional/preview.png",
        progress="results/gan/unconditional/progress.png",
        receipt="results/gan/unconditional/receipt.json",
    log:
        "logs/train_stylegan.log",
    benchmark:
        "benchmarks/train_stylegan.tsv"
    priority: 10
    conda:
        "../envs/gan.yaml"
    threads: 8
    resources:
        mem_mb=memory(32000),
        runtime=720,
        gpu=lookup(within=config, dpath="gan/unconditional/gpus"),
    params:
        revision=3,
        launcher=launcher_of("gan/unconditional"),
        options=options_of("gan/unconditional", leave=UNTRAINED),
        slots=lookup(within=config, dpath="gan/unconditional/slots"),
        seed=lookup(within=config, dpath="run/seed"),
        precision=lookup(within=config, dpath="run/precision"),
        device=execution("device"),
        keep_state=execution("keep_state"),
        watch=execution("train_stylegan"),
    message:
        "Training the unconditional generator"
    shell:
        "python {params.launcher:q} -m groundsynth train-stylegan --images {input.images:q} "
        "--indices {input.indices:q} {params.options:q} --seed {params.seed:q} "
        "--device {params.device:q} --precision {params.precision:q} "
        "--state work/train_stylegan --keep-state {params.keep_state:q} --slot {params.slots:q} "
        "--slots {params.slots:q} --runtime {resources.runtime} --receipt {output.receipt:q} "
        "--model {output.model:q} --history {output.history:q} --preview {output.preview:q} "
        "--progress {output.progress:q} {params.watch:q} > {log:q} 2>&1"


rule advance_spade:
    input:
        images=images_of("real"),
        masks=masks_of("real"),
        indices=indices_of("real"),
        before=slot_before("gan/conditional", "results/gan/conditional"),
        perceptual=perceptual_weights(),
        splits=ancient("results/patches/splits.csv"),
    output:
        receipt="results/gan/conditional/slots/{slot}.json",
    log:
        "logs/advance_spade/{slot}.log",
    benchmark:
        "benchmarks/advance_spade/{slot}.tsv"
    priority: 10
    conda:
        "../envs/gan.yaml"
    threads: 8
    resources:
        mem_mb=memory(32000),
        runtime=720,
        gpu=lookup(within=config, dpath="gan/conditional/gpus"),
    params:
        revision=2,
        launcher=launcher_of("gan/conditional"),
        legend=classes_of("legend"),
        options=options_of("gan/conditional", leave=UNTRAINED),
        seed=lookup(within=config, dpath="run/seed"),
        precision=lookup(within=config, dpath="run/precision"),
        device=execution("device"),
        keep_state=execution("keep_state"),
        colors=execution("colors"),
        watch=execution("train_spade"),
    message:
        "Training the conditional generator, time slot {wildcards.slot}"
    shell:
        "python {params.launcher:q} -m groundsynth advance-spade --images {input.images:q} --masks {input.masks:q} "
        "--indices {input.indices:q} --legend {params.legend:q} --colors {params.colors:q} "
        "{params.options:q} "
        "--perceptual-weights {input.perceptual:q} --seed {params.seed:q} --device {params.device:q} --precision {params.precision:q} "
        "--state work/train_spade --keep-state {params.keep_state:q} --slot {wildcards.slot:q} "
        "--runtime {resources.runtime} --receipt {output.receipt:q} {params.watch:q} "
        "> {log:q} 2>&1"


rule train_spade:
    input:
        images=images_of("real"),
        masks=masks_of("real"),
        indices=indices_of("real"),
        before=slot_before("gan/conditional", "results/gan/conditional"),
        perceptual=perceptual_weights(),
        splits=ancient("results/patches/splits.csv"),
    output:
        model="results/gan/conditional/generator.safetensors",
        description="results/gan/conditional/generator.json",
        history="results/gan/conditional/history.parquet",
        preview="results/gan/conditional/preview.png",
        progress="results/gan/conditional/progress.png",
        receipt="results/gan/conditional/receipt.json",
    log:
        "logs/train_spade.log",
    benchmark:
        "benchmarks/train_spade.tsv"
    priority: 10
    conda:
        "../envs/gan.yaml"
    threads: 8
    resources:
        mem_mb=memory(32000),
        runtime=720,
        gpu=lookup(within=config, dpath="gan/conditional/gpus"),
    params:
        revision=4,
        launcher=launcher_of("gan/conditional"),
        legend=classes_of("legend"),
        options=options_of("gan/conditional", leave=UNTRAINED),
        slots=lookup(within=config, dpath="gan/conditional/slots"),
        seed=lookup(within=config, dpath="run/seed"),
        precision=lookup(within=config, dpath="run/precision"),
        device=execution("device"),
        keep_state=execution("keep_state"),
        colors=execution("colors"),
        watch=execution("train_spade"),
    message:
        "Training the conditional generator"
    shell:
        "python {params.launcher:q} -m groundsynth train-spade --images {input.images:q} --masks {input.masks:q} "
        "--indices {input.indices:q} --legend {params.legend:q} --colors {params.colors:q} "
        "{params.options:q} "
        "--perceptual-weights {input.perceptual:q} --seed {params.seed:q} --device {params.device:q} --precision {params.precision:q} "
        "--state work/train_spade --keep-state {params.keep_state:q} --slot {params.slots:q} "
        "--slots {params.slots:q} --runtime {resources.runtime} --receipt {output.receipt:q} "
        "--model {output.model:q} --history {output.history:q} --preview {output.preview:q} "
        "--progress {output.progress:q} {params.watch:q} > {log:q} 2>&1"
