"""Recordings to features to stores to trained models. See the README for the configuration.

What `snakemake --lint` says and why it stays: there is one environment for all rules, that of constraints.txt, so no
rule names a container; and the interpreter is no parameter, since moving the environment should rerun nothing. For
the same reason what only words a message or spreads the work stands under resources.
"""

import atexit
import os
import subprocess
import sys
import time

from snakemake.io import IOFile
from snakemake.utils import min_version

from pipeline.workflow import outcome
from pipeline.workflow.code import job_code
from pipeline.support.errors import InputError
from pipeline.workflow.plan import load

min_version("9.0")

try:
    PLAN = load(config, workflow.overwrite_configfiles)
except InputError as error:
    sys.exit(f"otogura: {error}")

WORK = PLAN.work.as_posix()
PYTHON = sys.executable


rule features:
    message:
        "All features are built."
    input:
        [target.store.pointer for target in PLAN.experiments.values()],


for target in PLAN.experiments.values():

    rule:
        name:
            f"train_{target.name}"
        message:
            f"{target.name} is trained."
        input:
            target.run_folder / "report.html",

    if target.experiment.search:

        rule:
            name:
                f"search_{target.name}"
            message:
                f"{target.name} is searched."
            input:
                target.search_folder / "best.yaml",


include: "pipeline/workflow/rules/features.smk"
include: "pipeline/workflow/rules/train.smk"
include: "pipeline/workflow/rules/search.smk"


# What a failed or interrupted job was to update Snakemake restores, as new and recorded as done, so it is made to look
# old; likewise the report, which shows what there is and will show more. Snakemake's own last words are many; what the
# user has to know comes after them.
STARTED = time.time()
STATES = outcome.states(PLAN)


onerror:
    jobs = list(workflow.dag.needrun_jobs())  # but for those that were finished
    reasons = outcome.unfinished(PLAN, jobs, STARTED)
    stale = outcome.restored(STATES)
    if any(job.rule.name == "report" for job in jobs):
        made = subprocess.run([PYTHON, "-m", "pipeline", "report", PLAN.report_job(reasons)], check=False)
        stale += [PLAN.work / "report.html"] if made.returncode == 0 else []
    for path in stale:
        workflow.persistence.cleanup_metadata(IOFile(str(path)))
        os.utime(path, (1, 1))  # Snakemake takes 0 for no time at all
    lines = outcome.complaints(PLAN.work, STARTED)
    for line in [*lines, *outcome.unnamed(reasons, lines)][::-1]:  # the last one registered is printed first
        atexit.register(print, line, file=sys.stderr)


onsuccess:
    for line in outcome.quarantined(PLAN):
        atexit.register(print, line, file=sys.stderr)
