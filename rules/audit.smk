"""Whether generative models copied their training patches."""


rule audit_leaks:
    input:
        real=audited_features("real"),
        real_indices=indices_of("real"),
        synthetic=audited_here,
    output:
        table="results/audit/{population}.parquet",
        summary="results/audit/{population}.json",
        neighbours="results/audit/{population}_neighbours.parquet",
    log:
        "logs/audit_leaks/{population}.log",
    benchmark:
        "benchmarks/audit_leaks/{population}.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 8
    resources:
        mem_mb=memory(8000),
        runtime=240,
    params:
        revision=2,
        options=options_of("evaluation/audit"),
    message:
        "Looking for copied training patches among the {wildcards.population} samples"
    shell:
        "python -m groundsynth audit-leaks --real {input.real:q} --real-indices "
        "{input.real_indices:q} --synthetic {input.synthetic:q} --population "
        "{wildcards.population:q} {params.options:q} --output {output.table:q} "
        "--summary {output.summary:q} --neighbours {output.neighbours:q} > {log:q} 2>&1"
