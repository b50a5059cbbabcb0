"""Groundsynth: from public satellite tiles to a measured synthetic dataset.

Run ``snakemake -n`` for the plan, ``snakemake <stage>`` for one stage (patches, gan, synthesis,
segmentation, composition, captions, evaluation, studies, report).
"""

from snakemake.utils import min_version

min_version("9.27")


configfile: workflow.source_path("config/config.yaml")


include: "rules/common.smk"
include: "rules/inputs.smk"
include: "rules/evaluated.smk"
include: "rules/parameters.smk"
include: "rules/targets.smk"
include: "rules/sources.smk"
include: "rules/patches.smk"
include: "rules/gan.smk"
include: "rules/synthesis.smk"
include: "rules/segmentation.smk"
include: "rules/labels.smk"
include: "rules/composition.smk"
include: "rules/captioning.smk"
include: "rules/scoring.smk"
include: "rules/evaluation.smk"
include: "rules/selection.smk"
include: "rules/studies.smk"
include: "rules/audit.smk"
include: "rules/tables.smk"
include: "rules/report.smk"


report: "rules/report/workflow.rst"


rule all:
    default_target: True
    input:
        rules.patches.input,
        rules.gan.input,
        rules.segmentation.input,
        rules.captions.input,
        rules.evaluation.input,
        rules.studies.input,
        rules.report.input,
