"""Geo-aligned patches with their masks, one shard a label tile (or raster pair).

Every training waits for ``summarise_patches``, which takes seconds and says what the patches of all
shards lack together; but what it writes anew trains nothing again.
"""


localrules:
    summarise_patches,


rule cut_patches:
    input:
        imagery=imagery_of,
        labels=labels_of,
        split_file=split_file(),
    output:
        images="results/patches/real/{shard}.images.npy",
        masks="results/patches/real/{shard}.masks.npy",
        index="results/patches/real/{shard}.index.parquet",
        counts="results/patches/real/{shard}.counts.json",
    log:
        "logs/cut_patches/{shard}.log",
    benchmark:
        "benchmarks/cut_patches/{shard}.tsv"
    conda:
        "../envs/geo.yaml"
    threads: 2
    resources:
        mem_mb=memory(4000),
        runtime=120,
    params:
        revision=2,
        legend=classes_of("legend"),
        bands=lookup(within=config, dpath="source/bands"),
        imagery_no_data=lookup(within=config, dpath="source/imagery_no_data"),
        year=lookup(within=config, dpath="source/year"),
        size=lookup(within=config, dpath="patches/size"),
        stride=lookup(within=config, dpath="patches/stride"),
        scaling=lookup(within=config, dpath="patches/scaling"),
        reflectance_range=lookup(within=config, dpath="patches/reflectance_range"),
        water_class=text_of("patches/water_class"),
        max_water_percent=lookup(within=config, dpath="patches/max_water_percent"),
        split_method=lookup(within=config, dpath="splits/method"),
        split_fractions=json_of("splits/fractions"),
        split_block_degrees=lookup(within=config, dpath="splits/block_degrees"),
        split_block_distance_metres=lookup(
            within=config, dpath="splits/block_distance_metres"
        ),
        split_seed=lookup(within=config, dpath="splits/seed"),
    message:
        "Cutting the patches of {wildcards.shard}"
    shell:
        "python -m groundsynth cut-patches --imagery {input.imagery:q} --labels {input.labels:q} "
        "--shard {wildcards.shard:q} --legend {params.legend:q} --bands {params.bands:q} "
        "--imagery-no-data {params.imagery_no_data:q} --year {params.year:q} "
        "--size {params.size:q} --stride {params.stride:q} --scaling {params.scaling:q} "
        "--reflectance-range {params.reflectance_range:q} --water-class {params.water_class:q} "
        "--max-water-percent {params.max_water_percent:q} --threads {threads} "
        "--split-method {params.split_method:q} --split-file {input.split_file:q} "
        "--split-fractions {params.split_fractions:q} "
        "--split-block-degrees {params.split_block_degrees:q} "
        "--split-block-distance-metres {params.split_block_distance_metres:q} "
        "--split-seed {params.split_seed:q} "
        "--images {output.images:q} --masks {output.masks:q} --index {output.index:q} "
        "--counts {output.counts:q} > {log:q} 2>&1"


rule summarise_patches:
    input:
        indices=indices_of("real"),
        counts=images_of("real", "counts.json"),
        receipts=receipts(),
        split_file=split_file(),
    output:
        index="results/patches/index.parquet",
        funnel="results/patches/funnel.csv",
        splits="results/patches/splits.csv",
        distances="results/patches/distances.csv",
    log:
        "logs/summarise_patches.log",
    benchmark:
        "benchmarks/summarise_patches.tsv"
    conda:
        "../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        revision=2,
        needed_splits=needed_splits(config),
    message:
        "Counting candidates, kept and dropped patches"
    shell:
        "python -m groundsynth summarise-patches --indices {input.indices:q} "
        "--counts {input.counts:q} --receipts {input.receipts:q} "
        "--split-file {input.split_file:q} --needed-splits {params.needed_splits:q} "
        "--index {output.index:q} --funnel {output.funnel:q} "
        "--splits {output.splits:q} --distances {output.distances:q} > {log:q} 2>&1"
