rule train:
    message:
        "Training {wildcards.experiment}."
    input:
        store=lambda wildcards: PLAN.experiments[wildcards.experiment].store.pointer,
        split=lambda wildcards: PLAN.experiments[wildcards.experiment].split.record,
        before=lambda wildcards: PLAN.experiments[wildcards.experiment].started_from,
        probes=lambda wildcards: PLAN.experiments[wildcards.experiment].probed,
        code=job_code("train", "training/report/*.jinja"),
    output:
        update(f"{WORK}/runs/{{experiment}}/metrics.json"),
        update(f"{WORK}/runs/{{experiment}}/report.html"),
    log:
        f"{WORK}/logs/train/{{experiment}}.log",
    params:
        job=lambda wildcards: PLAN.experiments[wildcards.experiment].train_job,
        lock=lambda wildcards: train_lock(PLAN.work, wildcards.experiment).as_posix(),
    resources:
        config_path=lambda wildcards: PLAN.experiments[wildcards.experiment].config_path,
        tracking=PLAN.tracking,
    threads: THREADS
    shell:
        # glibc gives every buffer above 32 MB back after use, and the kernel zeroes it anew for the next layer: for
        # full-size tensors a good part of the time of training on a CPU, unless it is told to keep them.
        "MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 "
        "{PYTHON:q} -m pipeline train {params.job:q} --lock {params.lock:q} --config-path {resources.config_path:q} "
        "--tracking {resources.tracking:q} --workers {threads} --log {log:q}"


rule report:
    message:
        "Comparing all experiments."
    input:
        [target.metrics for target in PLAN.experiments.values()],
        code=job_code("report", "training/report/*.jinja"),
    output:
        f"{WORK}/report.html",
    log:
        f"{WORK}/logs/report.log",
    params:
        job=PLAN.report_job(),
    shell:
        "{PYTHON:q} -m pipeline report {params.job:q} --log {log:q}"
