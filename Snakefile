from pipeline.workflow import SNAKEFILE


include: SNAKEFILE


rule all:
    default_target: True
    input:
        rules.features.input,
