"""Captions: one rule for each engine, one job a captioner and shard."""


localrules:
    fetch_model,


rule fetch_model:
    output:
        receipt="resources/models/{model}.json",
    log:
        "logs/fetch_model/{model}.log",
    benchmark:
        "benchmarks/fetch_model/{model}.tsv"
    conda:
        "../envs/vllm.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=480,
    params:
        revision=1,
        repository=model_value("repository"),
        revision_name=model_value("revision"),
    message:
        "Downloading the model {wildcards.model}"
    shell:
        "HF_HUB_OFFLINE=0 python -m groundsynth fetch-model --repository "
        "{params.repository:q} --revision {params.revision_name:q} --output "
        "resources/models/{wildcards.model:q} --receipt {output.receipt:q} > {log:q} 2>&1"


rule caption_grammar:
    input:
        masks=shard_file("masks"),
        index=shard_file("index"),
        composition="results/composition/{population}/{shard}.parquet",
    output:
        captions="results/captions/{captioner}/{population}/{shard}.parquet",
    log:
        "logs/caption_grammar/{captioner}/{population}/{shard}.log",
    benchmark:
        "benchmarks/caption_grammar/{captioner}/{population}/{shard}.tsv"
    wildcard_constraints:
        captioner=captioners_of("grammar"),
    conda:
        "../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=120,
    params:
        revision=1,
        method=captioner_value("method"),
        legend=classes_of("legend"),
        percent_decimals=lookup(within=config, dpath="captions/percent_decimals"),
        seed=lookup(within=config, dpath="run/seed"),
        part_size=execution("part_size"),
        keep_state=execution("keep_state"),
    message:
        "Captioning {wildcards.population} {wildcards.shard} ({wildcards.captioner})"
    shell:
        "python -m groundsynth caption-grammar --masks {input.masks:q} --index "
        "{input.index:q} --composition {input.composition:q} --population "
        "{wildcards.population:q} --captioner {wildcards.captioner:q} --method "
        "{params.method:q} --legend {params.legend:q} --percent-decimals "
        "{params.percent_decimals:q} --part-size {params.part_size:q} --seed {params.seed:q} "
        "--state "
        "work/caption_grammar/{wildcards.captioner:q}/{wildcards.population:q}/{wildcards.shard:q} "
        "--keep-state {params.keep_state:q} --output {output.captions:q} > {log:q} 2>&1"


rule caption_vllm:
    input:
        images=shard_file("images"),
        index=shard_file("index"),
        composition="results/composition/{population}/{shard}.parquet",
        model=model_receipt,
    output:
        captions="results/captions/{captioner}/{population}/{shard}.parquet",
    log:
        "logs/caption_vllm/{captioner}/{population}/{shard}.log",
    benchmark:
        "benchmarks/caption_vllm/{captioner}/{population}/{shard}.tsv"
    wildcard_constraints:
        captioner=captioners_of("vllm"),
    conda:
        "../envs/vllm.yaml"
    threads: 8
    resources:
        mem_mb=memory(48000),
        runtime=720,
        gpu=1,
    params:
        revision=2,
        method=captioner_value("method"),
        legend=classes_of("legend"),
        percent_decimals=lookup(within=config, dpath="captions/percent_decimals"),
        retry=lookup(within=config, dpath="captions/retry"),
        seed=lookup(within=config, dpath="run/seed"),
        model=model_folder,
        repository=model_value("repository"),
        revision_name=model_value("revision"),
        temperature=captioner_value("temperature"),
        top_p=captioner_value("top_p"),
        prompt_version=lookup(within=config, dpath="captions/vllm/prompt_version"),
        max_tokens=lookup(within=config, dpath="captions/vllm/max_tokens"),
        max_model_len=lookup(within=config, dpath="captions/vllm/max_model_len"),
        dtype=lookup(within=config, dpath="captions/vllm/dtype"),
        options=engine_options,
        part_size=execution("part_size"),
        limits=execution("vllm"),
        max_bad_percent=execution("max_bad_percent"),
        keep_state=execution("keep_state"),
    message:
        "Captioning {wildcards.population} {wildcards.shard} ({wildcards.captioner})"
    shell:
        "python -m groundsynth caption-vllm --images {input.images:q} --index "
        "{input.index:q} --composition {input.composition:q} --population "
        "{wildcards.population:q} --captioner {wildcards.captioner:q} --method "
        "{params.method:q} --legend {params.legend:q} --percent-decimals "
        "{params.percent_decimals:q} --part-size {params.part_size:q} --seed {params.seed:q} "
        "--model {params.model:q} --repository {params.repository:q} --revision "
        "{params.revision_name:q} --temperature {params.temperature:q} --top-p "
        "{params.top_p:q} --prompt-version {params.prompt_version:q} --max-tokens "
        "{params.max_tokens:q} --max-model-len {params.max_model_len:q} {params.limits:q} "
        "--dtype {params.dtype:q} --engine-options {params.options:q} --receipt {input.model:q} "
        "--retry {params.retry:q} "
        "--max-bad-percent {params.max_bad_percent:q} --state "
        "work/caption_vllm/{wildcards.captioner:q}/{wildcards.population:q}/{wildcards.shard:q} "
        "--keep-state {params.keep_state:q} --output {output.captions:q} > {log:q} 2>&1"


rule caption_openai:
    input:
        images=shard_file("images"),
        index=shard_file("index"),
        composition="results/composition/{population}/{shard}.parquet",
    output:
        captions="results/captions/{captioner}/{population}/{shard}.parquet",
    log:
        "logs/caption_openai/{captioner}/{population}/{shard}.log",
    benchmark:
        "benchmarks/caption_openai/{captioner}/{population}/{shard}.tsv"
    wildcard_constraints:
        captioner=captioners_of("openai"),
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=1440,
    params:
        revision=1,
        method=captioner_value("method"),
        legend=classes_of("legend"),
        percent_decimals=lookup(within=config, dpath="captions/percent_decimals"),
        retry=lookup(within=config, dpath="captions/retry"),
        seed=lookup(within=config, dpath="run/seed"),
        base_url=captioner_value("base_url"),
        served_model=captioner_value("served_model"),
        temperature=captioner_value("temperature"),
        top_p=captioner_value("top_p"),
        options=options_of(
            "captions/openai",
            leave=REQUESTS,
        ),
        max_bad_percent=execution("max_bad_percent"),
        requests=execution("openai"),
        needs_key=wants_key,
        keep_state=execution("keep_state"),
    message:
        "Captioning {wildcards.population} {wildcards.shard} ({wildcards.captioner})"
    shell:
        "python -m groundsynth caption-openai --images {input.images:q} --index "
        "{input.index:q} --composition {input.composition:q} --population "
        "{wildcards.population:q} --captioner {wildcards.captioner:q} --method "
        "{params.method:q} --legend {params.legend:q} --percent-decimals "
        "{params.percent_decimals:q} --seed {params.seed:q} --base-url {params.base_url:q} "
        "--served-model {params.served_model:q} --temperature {params.temperature:q} --top-p "
        "{params.top_p:q} --retry {params.retry:q} --max-bad-percent "
        "{params.max_bad_percent:q} {params.options:q} {params.requests:q} --needs-key "
        "{params.needs_key:q} --state "
        "work/caption_openai/{wildcards.captioner:q}/{wildcards.population:q}/{wildcards.shard:q} "
        "--keep-state {params.keep_state:q} --output {output.captions:q} > {log:q} 2>&1"
