"""Threads of jobs that take a machine, wherever they run."""

import os
from collections.abc import Mapping
from typing import Any


def threads_of_job(workflow: Any, environment: Mapping[str, str] = os.environ) -> int:
    """Return the threads of a job that takes all it can get.

    Without an executor that submits jobs these are the cores given to Snakemake. With one, `cores` is what each job
    asks for. Snakemake plans the job again on its machine, with the cores there, of which Slurm grants a part.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        While a Snakefile is read.
    environment : mapping, optional
        Environment variables.
    """
    granted = environment.get("SLURM_CPUS_PER_TASK", "") if workflow.remote_exec else ""
    return min(workflow.cores, int(granted)) if granted.isdigit() else int(workflow.cores)


def doubtful_cores(workflow: Any, cores_here: int) -> str:
    """Return a warning where jobs are submitted that ask for as many cores as this machine has; else nothing."""
    submits = workflow.is_main_process and workflow.nodes is not None  # the number of jobs, which others have not
    if not submits or workflow.cores != cores_here:
        return ""
    return (
        f"otogura: warning: each job asks for {cores_here} cores, as many as this machine has; if that comes from "
        "profiles/default, use --workflow-profile with a profile that names the cores of a job, such as profiles/slurm"
    )
