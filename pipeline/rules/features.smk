rule features:
    message:
        "All features are built."
    default_target: True
    input:
        [PLAN.family(name) / "current.json" for name in EXPERIMENTS],


rule synthesise_demo:
    message:
        "Synthesising the demo corpus {wildcards.demo}."
    input:
        code=PLAN.modules("pipeline/sources/demo.py"),
    output:
        f"{WORK}/demo/{{demo}}.json",
    log:
        f"{WORK}/logs/demo/{{demo}}.log",
    shell:
        "{PYTHON:q} -m pipeline demo {output:q} --log {log:q}"


rule index_corpus:
    message:
        "Looking at the recordings of {wildcards.corpus}."
    input:
        demo=lambda wildcards: PLAN.demo_receipt(PLAN.by_corpus(wildcards.corpus)),
    output:
        # Updated in place, so that a touched file leaves an unchanged index, and all that depends on it, as it is.
        update(f"{WORK}/index/{{corpus}}/index.json"),
    log:
        f"{WORK}/logs/index/{{corpus}}.log",
    params:
        job=lambda wildcards: PLAN.index_job(PLAN.by_corpus(wildcards.corpus)),
    resources:
        where=lambda wildcards: PLAN.where(PLAN.by_corpus(wildcards.corpus)),
    threads: workflow.cores
    shell:
        "{PYTHON:q} -m pipeline index {params.job:q} --where {resources.where:q} --workers {threads} --log {log:q}"


rule build_store:
    message:
        "Building {wildcards.store}."
    input:
        index=lambda wildcards: PLAN.index_folder(PLAN.by_store(wildcards.store)) / "index.json",
        kernels=PLAN.modules("features/*.py", "features/augmentations/*.py"),
    output:
        update(f"{WORK}/stores/{{store}}/current.json"),
    log:
        f"{WORK}/logs/build/{{store}}.log",
    params:
        job=lambda wildcards: PLAN.build_job(PLAN.by_store(wildcards.store)),
    resources:
        engine=PLAN.engine,
    threads: workflow.cores
    shell:
        "{PYTHON:q} -m pipeline build {params.job:q} --engine {resources.engine:q} --workers {threads} --log {log:q}"
