"""Class composition of every mask."""


rule compute_composition:
    input:
        masks=shard_file("masks"),
        index=shard_file("index"),
    output:
        table="results/composition/{population}/{shard}.parquet",
    log:
        "logs/compute_composition/{population}/{shard}.log",
    benchmark:
        "benchmarks/compute_composition/{population}/{shard}.tsv"
    conda:
        "../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        revision=1,
        legend=classes_of("legend"),
        mask_source=mask_source,
    message:
        "Computing the composition of {wildcards.population} {wildcards.shard}"
    shell:
        "python -m groundsynth compute-composition --masks {input.masks:q} --index "
        "{input.index:q} --population {wildcards.population:q} --mask-source "
        "{params.mask_source:q} --legend {params.legend:q} --output {output.table:q} "
        "> {log:q} 2>&1"
