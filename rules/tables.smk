"""Tables 1 to 4 and those beside them."""


rule score_caption_set:
    input:
        captions=caption_set_file,
    output:
        scores="results/scores/caption_sets/{caption_set}.json",
    log:
        "logs/score_caption_set/{caption_set}.log",
    benchmark:
        "benchmarks/score_caption_set/{caption_set}.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=60,
    params:
        revision=1,
        column=caption_set_column,
        self_bleu_sample=lookup(within=config, dpath="evaluation/self_bleu_sample"),
        seed=lookup(within=config, dpath="run/seed"),
    message:
        "Counting repeated captions of the set {wildcards.caption_set}"
    shell:
        "python -m groundsynth score-caption-set --captions {input.captions:q} --column "
        "{params.column:q} --self-bleu-sample {params.self_bleu_sample:q} --seed "
        "{params.seed:q} --output {output.scores:q} > {log:q} 2>&1"


rule make_tables:
    input:
        confusions=cells_of("confusion.parquet"),
        qualities=cells_of("quality.parquet"),
        redundancies=expand(
            "results/scores/redundancy/{captioner}.json", captioner=CAPTIONERS
        ),
        caption_sets=caption_set_files(),
        receipts=model_receipts(),
        caption_scores=caption_score_files(),
        groundings=grounding_files(),
        compositions=tables_of("composition", POPULATIONS),
        measured=distance_files(),
        coordinates=projection_files(),
        audits=audit_files("json"),
        selections=selection_files(),
        indices=indices_of("real"),
    output:
        expand(
            "results/tables/table{n}.{ending}",
            n=[1, 2, 3, 4],
            ending=["csv", "md", "tex"],
        ),
        cells="results/tables/cells.csv",
        significance="results/tables/significance.parquet",
        tests="results/tables/significance.csv",
        composition="results/tables/composition.csv",
        rare="results/tables/rare_classes.csv",
        rare_gains="results/tables/rare_gains.csv",
        diversity=multiext("results/tables/diversity", ".csv", ".md"),
        grounding=multiext("results/tables/grounding", ".csv", ".md"),
        distances=multiext("results/tables/distances", ".csv", ".md"),
        silhouettes="results/tables/silhouettes.csv",
        leaks="results/tables/leaks.csv",
        selection=multiext("results/tables/selection", ".csv", ".md"),
    log:
        "logs/make_tables.log",
    benchmark:
        "benchmarks/make_tables.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=60,
    params:
        revision=8,
        legend=classes_of("legend"),
        clip=clip_name(),
        mixes=json_of("segmentation/mix_definitions"),
        confidence=lookup(within=config, dpath="statistics/confidence"),
        resamples=lookup(within=config, dpath="statistics/resamples"),
        permutations=lookup(within=config, dpath="statistics/permutations"),
        block_degrees=resampling_blocks(),
        seed=lookup(within=config, dpath="run/seed"),
        folder=subpath(output.composition, parent=True),
    message:
        "Writing tables 1 to 4"
    shell:
        "python -m groundsynth make-tables --confusions {input.confusions:q} --qualities "
        "{input.qualities:q} --redundancies {input.redundancies:q} --caption-sets "
        "{input.caption_sets:q} --receipts {input.receipts:q} --caption-scores "
        "{input.caption_scores:q} --groundings {input.groundings:q} --compositions "
        "{input.compositions:q} --measured {input.measured:q} --coordinates {input.coordinates:q} "
        "--audits {input.audits:q} --selections {input.selections:q} --indices {input.indices:q} "
        "--legend {params.legend:q} "
        "--clip-name {params.clip:q} --mixes {params.mixes:q} --confidence {params.confidence:q} "
        "--resamples {params.resamples:q} --permutations {params.permutations:q} --block-degrees "
        "{params.block_degrees:q} --seed {params.seed:q} --folder {params.folder:q} > {log:q} 2>&1"
