# Progress belongs on the terminal of whoever waits for it, so these rules have no log files.


def demo_of_corpus(wildcards):
    """The demo corpus must be there before it can be indexed."""
    demo = PLAN.demo(PLAN.by_corpus(wildcards.corpus))
    return [PLAN.demos / f"{demo}.json"] if demo else []


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
        code=source("pipeline/sources/demo.py"),
    output:
        f"{WORK}/demo/{{demo}}.json",
    shell:
        "{PYTHON:q} -m pipeline demo {WORK:q}/demo/{wildcards.demo:q}"


rule index_corpus:
    message:
        "Looking at the recordings of {wildcards.corpus}."
    input:
        demo=demo_of_corpus,
    output:
        # Updated in place, so that a touched file leaves an unchanged index, and all that depends on it, as it is.
        update(f"{WORK}/index/{{corpus}}/index.json"),
    params:
        job=lambda wildcards: PLAN.index_job(PLAN.by_corpus(wildcards.corpus)),
    threads: workflow.cores
    shell:
        "{PYTHON:q} -m pipeline index {params.job:q} --workers {threads}"


rule build_store:
    message:
        "Building {wildcards.store}."
    input:
        index=lambda wildcards: PLAN.index_folder(PLAN.by_store(wildcards.store)) / "index.json",
        kernels=source("features/*.py", "features/augmentations/*.py"),
    output:
        update(f"{WORK}/stores/{{store}}/current.json"),
    params:
        job=lambda wildcards: PLAN.build_job(PLAN.by_store(wildcards.store)),
    threads: workflow.cores
    shell:
        "{PYTHON:q} -m pipeline build {params.job:q} --workers {threads}"
