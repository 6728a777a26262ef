"""Training from a notebook, or by `torchrun`: features by Snakemake in a process of its own, training in this one."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from pipeline.runs.rank_count import check_shared
from pipeline.support.errors import InputError
from pipeline.support.lock import exclusive
from pipeline.support.logs import printed_log
from pipeline.workflow import SNAKEFILE
from pipeline.workflow.jobs import TrainJob
from pipeline.workflow.names import train_lock
from pipeline.workflow.outcome import PREFIX
from pipeline.workflow.plan import Plan, plan_of
from pipeline.workflow.targets import ExperimentTarget
from pipeline.workflow.train_job import run_train_job
from training.ranks import ALONE, Ranks


def train_from(config: Path, experiment: str, ranks: Ranks = ALONE) -> dict[str, Any]:
    """Train an experiment of a configuration file; returns what metrics.json holds, on the first of several ranks.

    Raises `InputError` for a mistake in the configuration or in what it names.
    """
    plan, target = planned(config, experiment)
    check_shared(target.experiment.training, ranks, target.config_path)
    with printed_log():
        error = None
        if ranks.first:
            try:
                _bring_up_to_date(
                    config, [target.store.pointer, target.split.record, *target.started_from, *target.probed]
                )
            except InputError as caught:
                error = str(caught)
        if (error := ranks.from_first(error)) is not None:
            raise InputError(error)
        job = TrainJob.model_validate_json(target.train_job)
        with exclusive(train_lock(plan.work, experiment)) if ranks.first else nullcontext():
            return run_train_job(job, config_path=target.config_path, tracking=plan.config.tracking, ranks=ranks)


def planned(config: Path, experiment: str) -> tuple[Plan, ExperimentTarget]:
    """Return the plan of a configuration file and its target of one experiment. Raises `InputError` as `train_from`."""
    if not config.is_file():
        raise InputError(f"{config}: expected a configuration file, found none")
    plan = plan_of([config])
    target = plan.experiments.get(experiment)
    if target is None:
        raise InputError(f"{config}: expected one of the experiments {', '.join(plan.experiments)}, got {experiment!r}")
    return plan, target


def _bring_up_to_date(config: Path, files: Sequence[Path]) -> None:
    """Have Snakemake make what training reads, as far as it is not there; print what the jobs say."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", SNAKEFILE, "--quiet", "all", "--cores", "all"]
    command += ["--rerun-incomplete", "--nolock", *map(str, files), "--configfile", str(config)]
    lines = [""]
    # A session of its own: Ctrl-C comes to this process alone, which passes it on and waits for the jobs.
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                print(line, end="", file=sys.stderr)
                lines += [line.strip()]
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGINT)
            process.stderr.read()  # until all jobs have ended
            process.wait()
            raise
    if process.returncode:
        errors = [line for line in lines if line.startswith(PREFIX)]
        raise InputError((errors or lines)[-1].removeprefix(PREFIX) or f"{config}: Snakemake failed without a message")
