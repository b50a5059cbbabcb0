"""Stage targets: ``snakemake <stage>`` makes everything of that stage and what it needs."""


localrules:
    patches,
    gan,
    synthesis,
    segmentation,
    composition,
    captions,
    evaluation,
    studies,
    report,
    all,


rule patches:
    input:
        images_of("real"),
        masks_of("real"),
        "results/patches/funnel.csv",


rule gan:
    input:
        expand("results/gan/{population}/generator.safetensors", population=GENERATORS),


rule synthesis:
    input:
        [images_of(population) for population in SYNTHETIC],
        [masks_of(population) for population in SYNTHETIC],


rule segmentation:
    input:
        cells_of("confusion.parquet"),


rule composition:
    input:
        tables_of("composition", POPULATIONS),


rule captions:
    input:
        captions_of(),


rule evaluation:
    input:
        expand("results/scores/redundancy/{captioner}.json", captioner=CAPTIONERS),
        evaluation_files(),


rule studies:
    input:
        study_tables(),
        study_figures(),


rule report:
    input:
        report_files,
