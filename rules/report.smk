"""Figures and the report page."""


rule write_report:
    input:
        real_images=images_of("real"),
        real_masks=masks_of("real"),
        real_indices=indices_of("real"),
        unconditional_images=shards_if("unconditional", images_of),
        unconditional_masks=shards_if("unconditional", masks_of),
        unconditional_indices=shards_if("unconditional", indices_of),
        conditional_images=shards_if("conditional", images_of),
        conditional_masks=shards_if("conditional", masks_of),
        conditional_indices=shards_if("conditional", indices_of),
        captions=captions_of(),
        groundings=grounding_files(),
        compositions=tables_of("composition", POPULATIONS),
        confusions=cells_of("confusion.parquet"),
        qualities=cells_of("quality.parquet"),
        histories=history_files(),
        strips=generator_files("progress.png"),
        generators=generator_files("generator.json"),
        coordinates=projection_files(),
        audits=audit_files("parquet"),
        neighbours=neighbour_files(),
        patches="results/patches/index.parquet",
        tables=rules.make_tables.output,
        study_tables=study_tables(),
        study_figures=study_figures(),
        funnel="results/patches/funnel.csv",
        splits="results/patches/splits.csv",
        distances="results/patches/distances.csv",
        measured=distance_files(),
    output:
        page="results/report/index.html",
        headline="results/report/headline.json",
        configuration="results/report/configuration.json",
        overview=report(
            "results/figures/overview.png",
            caption="report/overview.rst",
            category="Overview",
        ),
        footprints=report(
            "results/figures/footprints.png",
            caption="report/footprints.rst",
            category="Patches",
        ),
        funnel=report(
            "results/figures/funnel.png",
            caption="report/funnel.rst",
            category="Patches",
        ),
        patches=report(
            "results/figures/patches.png",
            caption="report/patches.rst",
            category="Patches",
        ),
        split_shares=report(
            "results/figures/split_shares.png",
            caption="report/split_shares.rst",
            category="Patches",
        ),
        samples=report(
            "results/figures/samples.png",
            caption="report/samples.rst",
            category="Synthesis",
        ),
        generators=report(
            "results/figures/generators.png",
            caption="report/generators.rst",
            category="Training",
        ),
        progress=report(
            "results/figures/progress.png",
            caption="report/progress.rst",
            category="Training",
        ),
        composition=report(
            "results/figures/composition.png",
            caption="report/composition.rst",
            category="Composition",
        ),
        histories=report(
            "results/figures/histories.png",
            caption="report/histories.rst",
            category="Training",
        ),
        confusion=report(
            "results/figures/confusion.png",
            caption="report/confusion.rst",
            category="Segmentation",
        ),
        reliability=report(
            "results/figures/reliability.png",
            caption="report/reliability.rst",
            category="Segmentation",
        ),
        projections=report(
            "results/figures/projections.png",
            caption="report/projections.rst",
            category="Evaluation",
        ),
        captions=report(
            "results/figures/captions.png",
            caption="report/captions.rst",
            category="Captions",
        ),
        leaks=report(
            "results/figures/leaks.png",
            caption="report/leaks.rst",
            category="Evaluation",
        ),
        neighbours=report(
            "results/figures/neighbours.png",
            caption="report/neighbours.rst",
            category="Evaluation",
        ),
    log:
        "logs/write_report.log",
    benchmark:
        "benchmarks/write_report.tsv"
    conda:
        "../envs/evaluation.yaml"
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=60,
    params:
        revision=10,
        legend=json_of("legend"),
        rows=lookup(within=config, dpath="report/rows"),
        seed=lookup(within=config, dpath="report/seed"),
        folder=subpath(output.overview, parent=True),
        name=lookup(within=config, dpath="run/name"),
        configuration=json_of(),
    message:
        "Drawing the figures and writing the report"
    shell:
        "python -m groundsynth write-report --name {params.name:q} --real-images "
        "{input.real_images:q} --real-masks {input.real_masks:q} --real-indices "
        "{input.real_indices:q} --unconditional-images {input.unconditional_images:q} "
        "--unconditional-masks {input.unconditional_masks:q} --unconditional-indices "
        "{input.unconditional_indices:q} --conditional-images {input.conditional_images:q} "
        "--conditional-masks {input.conditional_masks:q} --conditional-indices "
        "{input.conditional_indices:q} --captions {input.captions:q} --groundings "
        "{input.groundings:q} --compositions "
        "{input.compositions:q} --confusions {input.confusions:q} --qualities {input.qualities:q} "
        "--histories {input.histories:q} "
        "--strips {input.strips:q} --generators {input.generators:q} --coordinates "
        "{input.coordinates:q} --audits {input.audits:q} --neighbours {input.neighbours:q} "
        "--patches {input.patches:q} --legend "
        "{params.legend:q} --rows {params.rows:q} --seed {params.seed:q} --tables {input.tables:q} "
        "{input.study_tables:q} --study-figures {input.study_figures:q} --funnel {input.funnel:q} "
        "--splits {input.splits:q} --distances {input.distances:q} --measured {input.measured:q} "
        "--configuration {params.configuration:q} --logs logs --folder {params.folder:q} --page "
        "{output.page:q} --headline {output.headline:q} --settings {output.configuration:q} "
        "> {log:q} 2>&1"
