rule train:
    message:
        "Training {wildcards.experiment}."
    input:
        store=lambda wildcards: PLAN.pointer(wildcards.experiment),
        split=lambda wildcards: PLAN.split_record(wildcards.experiment),
        before=lambda wildcards: PLAN.started_from(wildcards.experiment),
        code=job_code("train", "training/report/*.jinja"),
    output:
        update(f"{WORK}/runs/{{experiment}}/metrics.json"),
        update(f"{WORK}/runs/{{experiment}}/report.html"),
    log:
        f"{WORK}/logs/train/{{experiment}}.log",
    params:
        job=lambda wildcards: PLAN.train_job(wildcards.experiment),
        lock=f"{WORK}/locks/train-{{experiment}}.lock",
    resources:
        where=lambda wildcards: PLAN.where(wildcards.experiment),
    threads: workflow.cores
    shell:
        # glibc gives every buffer above 32 MB back after use, and the kernel zeroes it anew for the next layer: for
        # full-size tensors a good part of the time of training on a CPU, unless it is told to keep them.
        "MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 "
        "{PYTHON:q} -m pipeline train {params.job:q} --lock {params.lock:q} --where {resources.where:q} "
        "--workers {threads} --log {log:q}"


rule report:
    message:
        "Comparing all experiments."
    input:
        [PLAN.run_folder(name) / "metrics.json" for name in EXPERIMENTS],
        code=job_code("report", "training/report/*.jinja"),
    output:
        f"{WORK}/report.html",
    log:
        f"{WORK}/logs/report.log",
    params:
        job=PLAN.report_job(),
    shell:
        "{PYTHON:q} -m pipeline report {params.job:q} --log {log:q}"
