rule search:
    message:
        "Searching settings of {wildcards.experiment}."
    input:
        store=lambda wildcards: PLAN.experiments[wildcards.experiment].store.pointer,
        split=lambda wildcards: PLAN.experiments[wildcards.experiment].split.record,
        code=job_code("search", "training/report/*.jinja"),
    output:
        # The study beside them is no output: Snakemake would remove it when a search is broken off.
        update(f"{WORK}/searches/{{experiment}}/best.yaml"),
        update(f"{WORK}/searches/{{experiment}}/search.html"),
    log:
        f"{WORK}/logs/search/{{experiment}}.log",
    params:
        job=lambda wildcards: PLAN.experiments[wildcards.experiment].search_job,
        lock=f"{WORK}/locks/search-{{experiment}}.lock",
    resources:
        config_path=lambda wildcards: PLAN.experiments[wildcards.experiment].config_path,
    threads: THREADS
    shell:
        # As in training: large buffers are kept.
        "MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 "
        "{PYTHON:q} -m pipeline search {params.job:q} --lock {params.lock:q} --config-path {resources.config_path:q} "
        "--workers {threads} --log {log:q}"
