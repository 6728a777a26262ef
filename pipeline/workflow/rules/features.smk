rule synthesise_demo:
    message:
        "Synthesising the demo corpus {wildcards.demo}."
    input:
        code=job_code("demo"),
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
    # No code: an archive is known by its checksum, and the receipt says how it was when it was unpacked.
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
        code=job_code("labels", "training/report/*.jinja"),
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
        code=job_code("index"),
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
        code=job_code("build"),
    output:
        update(f"{WORK}/stores/{{store}}/current.json"),
    log:
        f"{WORK}/logs/build/{{store}}.log",
    params:
        job=lambda wildcards: PLAN.build_job(PLAN.by_store(wildcards.store)),
        lock=lambda wildcards: PLAN.build_lock(wildcards.store),
    resources:
        engine=PLAN.engine,
        learners=lambda wildcards: PLAN.learners(wildcards.store),
    threads: workflow.cores
    shell:
        # glibc gives large buffers and the heap's end back after use, and the kernel would zero them anew for the next
        # clip, in small pages: a fifth of the time of the six variants.
        "MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=268435456 GLIBC_TUNABLES=glibc.malloc.hugetlb=1 "
        "{PYTHON:q} -m pipeline build {params.job:q} --lock {params.lock:q} --engine {resources.engine:q} "
        "--learners {resources.learners:q} --workers {threads} --log {log:q}"


rule split_corpus:
    message:
        "Splitting {wildcards.split}."
    input:
        index=lambda wildcards: PLAN.index(PLAN.by_split(wildcards.split)),
        inherited=lambda wildcards: PLAN.inherited_split(PLAN.by_split(wildcards.split)),
        code=job_code("split"),
    output:
        # Updated in place: clips keep the sides that they have, and a person may edit it.
        update(f"{WORK}/splits/{{split}}.csv"),
    log:
        f"{WORK}/logs/split/{{split}}.log",
    params:
        job=lambda wildcards: PLAN.split_job(PLAN.by_split(wildcards.split)),
        lock=f"{WORK}/locks/split-{{split}}.lock",
    resources:
        where=lambda wildcards: PLAN.where(PLAN.by_split(wildcards.split)),
    shell:
        "{PYTHON:q} -m pipeline split {params.job:q} --lock {params.lock:q} --where {resources.where:q} --log {log:q}"
