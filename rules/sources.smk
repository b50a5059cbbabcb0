"""Imagery and labels: downloaded, or simulated in the same layout. Own rasters need no rule."""


localrules:
    fetch_imagery,
    fetch_labels,


rule fetch_imagery:
    output:
        tile=imagery_output(),
        receipt="resources/worldcover/imagery/{tile}.json",
    log:
        "logs/fetch_imagery/{tile}.log",
    benchmark:
        "benchmarks/fetch_imagery/{tile}.tsv"
    conda:
        "../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=240,
    params:
        revision=1,
        url=text_of("source/worldcover/imagery_url"),
        year=lookup(within=config, dpath="source/year"),
    message:
        "Downloading the imagery tile {wildcards.tile}"
    shell:
        "python -m groundsynth fetch-imagery --tile {wildcards.tile:q} --base-url {params.url:q} "
        "--year {params.year:q} --output {output.tile:q} --receipt {output.receipt:q} "
        "> {log:q} 2>&1"


rule fetch_labels:
    output:
        tile="resources/worldcover/labels/{tile}.tif",
        receipt="resources/worldcover/labels/{tile}.json",
    log:
        "logs/fetch_labels/{tile}.log",
    benchmark:
        "benchmarks/fetch_labels/{tile}.tsv"
    conda:
        "../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=240,
    params:
        revision=1,
        url=text_of("source/worldcover/labels_url"),
        year=lookup(within=config, dpath="source/year"),
    message:
        "Downloading the label tile {wildcards.tile}"
    shell:
        "python -m groundsynth fetch-labels --tile {wildcards.tile:q} --base-url {params.url:q} "
        "--year {params.year:q} --output {output.tile:q} --receipt {output.receipt:q} "
        "> {log:q} 2>&1"


rule simulate_imagery:
    output:
        tile="resources/simulated/imagery/{tile}.tif",
        receipt="resources/simulated/imagery/{tile}.json",
    log:
        "logs/simulate_imagery/{tile}.log",
    benchmark:
        "benchmarks/simulate_imagery/{tile}.tsv"
    conda:
        "../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        revision=1,
        pixels=lookup(within=config, dpath="source/simulated/pixels_per_degree"),
        seed=lookup(within=config, dpath="source/simulated/seed"),
    message:
        "Simulating the imagery tile {wildcards.tile}"
    shell:
        "python -m groundsynth simulate-imagery --tile {wildcards.tile:q} "
        "--pixels-per-degree {params.pixels:q} --seed {params.seed:q} "
        "--output {output.tile:q} --receipt {output.receipt:q} > {log:q} 2>&1"


rule simulate_labels:
    output:
        tile="resources/simulated/labels/{tile}.tif",
        receipt="resources/simulated/labels/{tile}.json",
    log:
        "logs/simulate_labels/{tile}.log",
    benchmark:
        "benchmarks/simulate_labels/{tile}.tsv"
    conda:
        "../envs/geo.yaml"
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=60,
    params:
        revision=1,
        pixels=lookup(within=config, dpath="source/simulated/pixels_per_degree"),
        seed=lookup(within=config, dpath="source/simulated/seed"),
    message:
        "Simulating the label tile {wildcards.tile}"
    shell:
        "python -m groundsynth simulate-labels --tile {wildcards.tile:q} "
        "--pixels-per-degree {params.pixels:q} --seed {params.seed:q} "
        "--output {output.tile:q} --receipt {output.receipt:q} > {log:q} 2>&1"
