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
        job=lambda wildcards: PLAN.archives[wildcards.corpus].job,
        lock=f"{WORK}/locks/fetch.lock",  # two corpora may be parts of one archive
    resources:
        config_path=lambda wildcards: PLAN.corpora[wildcards.corpus].config_path,
    shell:
        "{PYTHON:q} -m pipeline fetch {params.job:q} --lock {params.lock:q} --config-path {resources.config_path:q} --log {log:q}"


rule label_tracks:
    message:
        "Reading the tags for {wildcards.labels}."
    input:
        demo=lambda wildcards: PLAN.labels[wildcards.labels].receipts,
        code=job_code("labels", "training/report/*.jinja"),
    output:
        update(f"{WORK}/labels/{{labels}}/labels.csv"),
    log:
        f"{WORK}/logs/labels/{{labels}}.log",
    params:
        job=lambda wildcards: PLAN.labels[wildcards.labels].job,
        lock=f"{WORK}/locks/labels-{{labels}}.lock",
    resources:
        config_path=lambda wildcards: PLAN.labels[wildcards.labels].config_path,
    shell:
        "{PYTHON:q} -m pipeline labels {params.job:q} --lock {params.lock:q} --config-path {resources.config_path:q} --log {log:q}"


rule index_corpus:
    message:
        "Looking at the recordings of {wildcards.corpus}."
    input:
        receipts=lambda wildcards: PLAN.corpora[wildcards.corpus].receipts,
        code=job_code("index"),
    output:
        # Updated in place, so that a touched file leaves an unchanged index, and all that depends on it, as it is.
        update(f"{WORK}/index/{{corpus}}/index.json"),
    log:
        f"{WORK}/logs/index/{{corpus}}.log",
    params:
        job=lambda wildcards: PLAN.corpora[wildcards.corpus].job,
        lock=f"{WORK}/locks/index-{{corpus}}.lock",
    resources:
        config_path=lambda wildcards: PLAN.corpora[wildcards.corpus].config_path,
    threads: THREADS
    shell:
        "{PYTHON:q} -m pipeline index {params.job:q} --lock {params.lock:q} --config-path {resources.config_path:q} "
        "--workers {threads} --log {log:q}"


rule build_store:
    message:
        "Building {wildcards.store}."
    input:
        index=lambda wildcards: PLAN.stores[wildcards.store].corpus.index,
        code=job_code("build"),
    output:
        update(f"{WORK}/stores/{{store}}/current.json"),
    log:
        f"{WORK}/logs/build/{{store}}.log",
    params:
        job=lambda wildcards: PLAN.stores[wildcards.store].job,
        lock=lambda wildcards: PLAN.stores[wildcards.store].lock,
    resources:
        engine=PLAN.engine,
        learners=lambda wildcards: PLAN.stores[wildcards.store].learners,
    threads: THREADS
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
        index=lambda wildcards: PLAN.splits[wildcards.split].corpus.index,
        inherited=lambda wildcards: PLAN.splits[wildcards.split].inherited_record,
        code=job_code("split"),
    output:
        # Updated in place: clips keep the sides that they have, and a person may edit it.
        update(f"{WORK}/splits/{{split}}.csv"),
    log:
        f"{WORK}/logs/split/{{split}}.log",
    params:
        job=lambda wildcards: PLAN.splits[wildcards.split].job,
        lock=f"{WORK}/locks/split-{{split}}.lock",
    resources:
        config_path=lambda wildcards: PLAN.splits[wildcards.split].config_path,
    shell:
        "{PYTHON:q} -m pipeline split {params.job:q} --lock {params.lock:q} --config-path {resources.config_path:q} --log {log:q}"
