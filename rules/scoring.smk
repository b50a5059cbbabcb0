"""Scores of captions: repeated ones, and agreement with the image."""


localrules:
    fetch_clip,


rule score_redundancy:
    input:
        captions=captions_by,
    output:
        scores="results/scores/redundancy/{captioner}.json",
    log:
        "logs/score_redundancy/{captioner}.log",
    benchmark:
        "benchmarks/score_redundancy/{captioner}.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=60,
    params:
        revision=3,
        self_bleu_sample=lookup(within=config, dpath="evaluation/self_bleu_sample"),
        seed=lookup(within=config, dpath="run/seed"),
    message:
        "Counting repeated captions of {wildcards.captioner}"
    shell:
        "python -m groundsynth score-redundancy --captions {input.captions:q} --column "
        "caption --group-by population --status-column status --self-bleu-sample "
        "{params.self_bleu_sample:q} --seed {params.seed:q} --output {output.scores:q} "
        "> {log:q} 2>&1"


rule fetch_clip:
    output:
        weights="resources/models/clip/{clip}.safetensors",
    log:
        "logs/fetch_clip/{clip}.log",
    benchmark:
        "benchmarks/fetch_clip/{clip}.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        revision=1,
        pretrained=lookup(within=config, dpath="clip/pretrained"),
    message:
        "Downloading the image-text model {wildcards.clip}"
    shell:
        "HF_HUB_OFFLINE=0 python -m groundsynth fetch-clip --model {wildcards.clip:q} "
        "--pretrained {params.pretrained:q} --output {output.weights:q} > {log:q} 2>&1"


rule train_clip:
    input:
        images=images_of("real"),
        indices=indices_of("real"),
        captions=captions_of(["real"]),
    output:
        model="results/clip/model.safetensors",
        description="results/clip/model.json",
        history="results/clip/history.parquet",
    log:
        "logs/train_clip.log",
    benchmark:
        "benchmarks/train_clip.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 8
    resources:
        mem_mb=memory(8000),
        runtime=240,
        gpu=1,
    params:
        revision=1,
        name=lookup(within=config, dpath="clip/model"),
        image_size=lookup(within=config, dpath="clip/image_size"),
        steps=lookup(within=config, dpath="clip/steps"),
        batch=lookup(within=config, dpath="clip/train_batch"),
        learning_rate=lookup(within=config, dpath="clip/learning_rate"),
        seed=lookup(within=config, dpath="run/seed"),
        precision=lookup(within=config, dpath="run/precision"),
        device=execution("device"),
        keep_state=execution("keep_state"),
    message:
        "Training a small image-text model on the run's own pairs"
    shell:
        "python -m groundsynth train-clip --images {input.images:q} --indices "
        "{input.indices:q} --captions {input.captions:q} --name {params.name:q} "
        "--image-size {params.image_size:q} --steps {params.steps:q} --batch {params.batch:q} "
        "--learning-rate {params.learning_rate:q} --seed {params.seed:q} --device "
        "{params.device:q} --precision {params.precision:q} --state work/train_clip "
        "--keep-state {params.keep_state:q} "
        "--model {output.model:q} --history {output.history:q} > {log:q} 2>&1"


rule score_captions:
    input:
        images=shard_file("images"),
        index=shard_file("index"),
        captions=captions_here,
        clip=clip_files(),
    output:
        scores="results/scores/captions/{population}/{shard}.parquet",
    log:
        "logs/score_captions/{population}/{shard}.log",
    benchmark:
        "benchmarks/score_captions/{population}/{shard}.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 8
    resources:
        mem_mb=memory(16000),
        runtime=240,
        gpu=1,
    params:
        revision=1,
        model=lookup(within=config, dpath="clip/model"),
        weights=clip_weights,
        description=clip_description,
        prefix=text_of("clip/prefix"),
        precision=lookup(within=config, dpath="run/precision"),
        batch=execution("clip_batch"),
        device=execution("device"),
    message:
        "Scoring the captions of {wildcards.population} {wildcards.shard}"
    shell:
        "python -m groundsynth score-captions --images {input.images:q} --index "
        "{input.index:q} --captions {input.captions:q} --population "
        "{wildcards.population:q} --model {params.model:q} --weights {params.weights:q} "
        "--model-config {params.description:q} --prefix={params.prefix:q} --batch "
        "{params.batch:q} --device {params.device:q} --precision {params.precision:q} "
        "--output {output.scores:q} > {log:q} 2>&1"


rule score_grounding:
    input:
        captions=captions_by,
        compositions=captioned_compositions(),
    output:
        scores="results/scores/grounding/{captioner}.parquet",
    log:
        "logs/score_grounding/{captioner}.log",
    benchmark:
        "benchmarks/score_grounding/{captioner}.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=120,
    params:
        revision=1,
        legend=classes_of("legend"),
        synonyms=json_of("grounding/synonyms"),
        present_percent=lookup(within=config, dpath="grounding/present_percent"),
        minor_percent=lookup(within=config, dpath="grounding/minor_percent"),
    message:
        "Comparing the captions of {wildcards.captioner} with the maps"
    shell:
        "python -m groundsynth score-grounding --captions {input.captions:q} "
        "--compositions {input.compositions:q} --legend {params.legend:q} --synonyms "
        "{params.synonyms:q} --present-percent {params.present_percent:q} --minor-percent "
        "{params.minor_percent:q} --output {output.scores:q} > {log:q} 2>&1"
