"""One trial of a search, in a worker: trained on training clips, watched on those that validate."""

import ctypes
import gc
import math
import multiprocessing
import os
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread

import optuna
import torch
from optuna.pruners import MedianPruner
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from pipeline.config.setup import Setup
from pipeline.runs.fitting import fit_run
from pipeline.runs.run import prepare_run, run_sides
from stores import open_store
from training.errors import TrainingError

PATIENT_TRIALS = 5  # that come to their end before any is pruned
LOCKED_S = 60.0  # how long one worker waits for another that writes


@dataclass(frozen=True)
class Task:
    """A trial with its settings; `number` counts from 0, as Optuna does.

    On its `last_attempt` a trial that runs out of memory has failed; before, it may be that others left it too little.
    """

    database: Path
    study: str
    trial_id: int
    number: int
    folder: Path
    family: Path
    config_path: str
    setup: Setup
    record: Path | None
    last_attempt: bool = False


@contextmanager
def opened(database: Path, name: str, epochs: int) -> Iterator[Study]:
    """Open a study of trials of so many epochs, created if it is not there."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    database.parent.mkdir(parents=True, exist_ok=True)
    storage = RDBStorage(f"sqlite:///{database}", {"connect_args": {"timeout": LOCKED_S}})
    # Not before a third of the epochs, in which a high learning rate has yet to settle.
    pruner = MedianPruner(n_startup_trials=PATIENT_TRIALS, n_warmup_steps=epochs // 3)
    try:
        yield optuna.create_study(study_name=name, storage=storage, pruner=pruner, load_if_exists=True)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def begin_worker(threads: int) -> None:
    """Prepare a process of so many threads for its first trial. It imports this module, and not what makes the page."""
    torch.set_num_threads(threads)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End with the process that hands out trials: the next run of the same command would train the same one again."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def run_trial(task: Task) -> FrozenTrial:
    """Train, or go on training, until the last epoch or until it is pruned; tells the study how it ended.

    Returns a trial that is still running where it ran out of memory and this was not its last attempt.
    """
    try:
        return _run(task)
    finally:
        _give_back()


def _run(task: Task) -> FrozenTrial:
    with opened(task.database, task.study, task.setup.training.epochs) as study:
        trial = Trial(study, task.trial_id)
        reporter = Reporter(trial)
        run = prepare_run(open_store(task.family), task.setup, task.config_path)
        try:
            fitted = fit_run(task.folder, run_sides(run, task.record), run, before_epoch=reporter.report_or_prune)
            reporter.report(fitted.history, fitted.network)
            ended = study.tell(trial, lowest_loss(fitted.history))
        except optuna.TrialPruned:
            ended = study.tell(trial, state=TrialState.PRUNED)
        except (TrainingError, torch.OutOfMemoryError) as error:
            if isinstance(error, torch.OutOfMemoryError) and not task.last_attempt:
                return study.get_trials(deepcopy=False)[task.number]
            ended = failed(study, trial, " ".join(str(error).split()))
        shutil.rmtree(task.folder)
        return ended


def _give_back() -> None:
    """Free what a trial leaves in cycles of references, and the memory that the allocators were told to keep."""
    gc.collect()
    torch.cuda.empty_cache()  # for trials in other processes; nothing, where this one has used no GPU
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # glibc has it
        trim(0)


def failed(study: Study, trial: Trial, reason: str) -> FrozenTrial:
    """Tell a study that a trial's settings led nowhere."""
    trial.set_user_attr("reason", reason)
    return study.tell(trial, state=TrialState.FAIL)


def lowest_loss(history: Sequence[dict[str, float]]) -> float:
    """Return the loss that trials are compared by: that of the epoch which training keeps."""
    losses = [row["validation_loss"] for row in history if math.isfinite(row["validation_loss"])]
    if not losses:
        raise TrainingError("the validation loss is not finite in any epoch; lower training.learning_rate")
    return min(losses)


class Reporter:
    """Tells a study of each epoch, and asks whether to go on, before the next one begins.

    By then the epoch's checkpoint is written: a trial that is broken off anywhere goes on, and nothing is told twice.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._seconds = trial.user_attrs.get("seconds", 0.0)  # in runs that were broken off
        self._began = time.monotonic()

    def report_or_prune(self, history: Sequence[dict[str, float]], network: torch.nn.Module) -> None:
        self.report(history, network)
        if history and self._trial.should_prune():
            raise optuna.TrialPruned

    def report(self, history: Sequence[dict[str, float]], network: torch.nn.Module) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*is already reported.*")  # before it was broken off
            for row in history:
                self._trial.report(row["validation_loss"], int(row["epoch"]))
        if history:
            best = min(history, key=lambda row: (math.isnan(row["validation_loss"]), row["validation_loss"]))
            self._trial.set_user_attr("accuracy", best["validation_accuracy"])
            self._trial.set_user_attr("parameters", sum(weight.numel() for weight in network.parameters()))
            self._trial.set_user_attr("seconds", self._seconds + time.monotonic() - self._began)
