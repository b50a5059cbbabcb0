"""Which synthetic samples are kept for the training mixes that ask for selected ones."""


rule select_samples:
    input:
        indices=selected_by("index"),
        confidences=selected_by("confidence", "min_confidence"),
        compositions=selected_by("composition", "plausible_percent"),
        real_compositions=selected_by("real_composition", "plausible_percent"),
        real_indices=selected_by("real_index", "plausible_percent"),
        audits=selected_by("audit", "drop_near_duplicates"),
        groundings=selected_by(
            "grounding", "min_grounding_precision", "min_grounding_recall"
        ),
        caption_scores=selected_by("caption_scores", "min_clipscore"),
        captions=selected_by("captions", "drop_repeated_captions"),
    output:
        selection="results/selection/{population}.parquet",
    log:
        "logs/select_samples/{population}.log",
    benchmark:
        "benchmarks/select_samples/{population}.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=60,
    params:
        revision=1,
        legend=classes_of("legend"),
        options=selection_options,
    message:
        "Selecting among the {wildcards.population} samples"
    shell:
        "python -m groundsynth select-samples --population {wildcards.population:q} "
        "--indices {input.indices:q} --confidences {input.confidences:q} --compositions "
        "{input.compositions:q} --real-compositions {input.real_compositions:q} "
        "--real-indices {input.real_indices:q} --audits {input.audits:q} --groundings "
        "{input.groundings:q} --caption-scores {input.caption_scores:q} --captions "
        "{input.captions:q} --legend {params.legend:q} {params.options:q} --output "
        "{output.selection:q} > {log:q} 2>&1"
