rule synthesise_demo:
    message:
        "Synthesising the demo corpus {wildcards.demo}."
    input:
        code=PLAN.modules("pipeline/demos/*.py"),
    output:
        f"{WORK}/demo/{{demo}}.json",
    log:
        f"{WORK}/logs/demo/{{demo}}.log",
    params:
        lock=f"{WORK}/locks/demo-{{demo}}.lock",
    shell:
        "{PYTHON:q} -m pipeline demo {output:q} --lock {params.lock:q} --log {log:q}"


rule fetch_archive:
    message:
        "Fetching {wildcards.corpus}."
    output:
        update(f"{WORK}/fetched/{{corpus}}.json"),
    log:
        f"{WORK}/logs/fetch/{{corpus}}.log",
    params:
        job=lambda wildcards: PLAN.fetch_job(PLAN.by_corpus(wildcards.corpus)),
        lock=f"{WORK}/locks/fetch.lock",  # two corpora may be parts of one archive
    resources:
        where=lambda wildcards: PLAN.where(PLAN.by_corpus(wildcards.corpus)),
    shell:
        "{PYTHON:q} -m pipeline fetch {params.job:q} --lock {params.lock:q} --where {resources.where:q} --log {log:q}"


rule label_tracks:
    message:
        "Reading the tags for {wildcards.labels}."
    input:
        demo=lambda wildcards: PLAN.demo_receipt(PLAN.by_labels(wildcards.labels)),
        code=PLAN.modules("pipeline/labels/*.py"),
    output:
        update(f"{WORK}/labels/{{labels}}/labels.csv"),
    log:
        f"{WORK}/logs/labels/{{labels}}.log",
    params:
        job=lambda wildcards: PLAN.label_job(PLAN.by_labels(wildcards.labels)),
        lock=f"{WORK}/locks/labels-{{labels}}.lock",
    resources:
        where=lambda wildcards: PLAN.where(PLAN.by_labels(wildcards.labels)),
    shell:
        "{PYTHON:q} -m pipeline labels {params.job:q} --lock {params.lock:q} --where {resources.where:q} --log {log:q}"


rule index_corpus:
    message:
        "Looking at the recordings of {wildcards.corpus}."
    input:
        receipts=lambda wildcards: PLAN.receipts(PLAN.by_corpus(wildcards.corpus)),
        code=PLAN.modules(
            "features/audio.py",
            "pipeline/index.py",
            "pipeline/probe.py",
            "pipeline/recordings.py",
            "pipeline/sources/*.py",
        ),
    output:
        # Updated in place, so that a touched file leaves an unchanged index, and all that depends on it, as it is.
        update(f"{WORK}/index/{{corpus}}/index.json"),
    log:
        f"{WORK}/logs/index/{{corpus}}.log",
    params:
        job=lambda wildcards: PLAN.index_job(PLAN.by_corpus(wildcards.corpus)),
        lock=f"{WORK}/locks/index-{{corpus}}.lock",
    resources:
        where=lambda wildcards: PLAN.where(PLAN.by_corpus(wildcards.corpus)),
    threads: workflow.cores
    shell:
        "{PYTHON:q} -m pipeline index {params.job:q} --lock {params.lock:q} --where {resources.where:q} "
        "--workers {threads} --log {log:q}"


rule build_store:
    message:
        "Building {wildcards.store}."
    input:
        index=lambda wildcards: PLAN.index(PLAN.by_store(wildcards.store)),
        kernels=PLAN.modules(
            "features/**/*.py",
            "pipeline/build.py",
            "pipeline/environment.py",
            "pipeline/recordings.py",
            "stores/*.py",
        ),
    output:
        update(f"{WORK}/stores/{{store}}/current.json"),
    log:
        f"{WORK}/logs/build/{{store}}.log",
    params:
        job=lambda wildcards: PLAN.build_job(PLAN.by_store(wildcards.store)),
        lock=lambda wildcards: PLAN.build_lock(wildcards.store),
    resources:
        engine=PLAN.engine,
    threads: workflow.cores
    shell:
        # glibc gives large buffers and the heap's end back after use, and the kernel would zero them anew for the next
        # clip, in small pages: a fifth of the time of the six variants.
        "MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=268435456 GLIBC_TUNABLES=glibc.malloc.hugetlb=1 "
        "{PYTHON:q} -m pipeline build {params.job:q} --lock {params.lock:q} --engine {resources.engine:q} "
        "--workers {threads} --log {log:q}"
