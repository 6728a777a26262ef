"""Training of one experiment, as its job says."""

import logging
from collections.abc import Sequence
from typing import Any

from pipeline.corpus.index import read_index
from pipeline.runs.corpus import learned_corpus
from pipeline.runs.train import train_experiment
from pipeline.workflow.jobs import TrainJob
from stores.opening import open_store
from training.ranks import ALONE, Ranks

log = logging.getLogger("otogura")


def run_train_job(job: TrainJob, *, config_path: str, tracking: Sequence[str], ranks: Ranks = ALONE) -> dict[str, Any]:
    """Train, evaluate and report; returns what metrics.json holds, on the first of several ranks.

    Parameters
    ----------
    job : TrainJob
    config_path : str
        The experiment's part of the configuration, for messages.
    tracking : sequence of str
        Names of the trackers that follow the run.
    ranks : Ranks, optional
        Processes that train together.
    """
    store = open_store(job.family)
    metrics = train_experiment(
        job.folder,
        store,
        job.setup,
        name=job.name,
        config_path=config_path,
        record=job.record,
        init_from=job.init_from,
        recordings=job.recordings(store.rows),
        corpus=learned_corpus(store, read_index(job.index), job.corpus.default_rate_hz),
        quarantine=job.index / "quarantine.csv",
        tracking=tracking,
        probes=job.probes,
        ranks=ranks,
    )
    if not ranks.first:
        return metrics
    scores = metrics.get("mean", metrics)
    shown = f"test accuracy {scores['accuracy']:.3f}"
    if "map" in scores:
        shown = f"test mAP {scores['map']:.3f}, all labels right {scores['accuracy']:.3f}"
    if "roc_auc" in scores:
        shown += f", ROC-AUC {scores['roc_auc']:.3f}"
    log.info("%s: %s; report: %s", job.name, shown, job.folder / "report.html")
    return metrics
