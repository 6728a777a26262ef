"""A search for an experiment's best settings: trials in worker processes, and what they leave."""

import json
import logging
import multiprocessing
import shutil
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from optuna.samplers import TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from pydantic import ValidationError

from pipeline.config.search_space import changed, reason, settings_of
from pipeline.runs.run import Run, prepare_run, run_sides
from pipeline.search.page import loss_of, write_best, write_search_page, write_table
from pipeline.search.trial import Task, begin_worker, failed, opened, run_trial
from pipeline.support.errors import InputError
from pipeline.support.executors import WORKER_LOST
from pipeline.workflow.jobs import SearchJob
from stores import open_store
from stores.files import digest
from training.devices import device_of
from training.fit import NO_IDENTITY, code_digest

log = logging.getLogger("otogura")


def search(job: SearchJob, *, workers: int, config_path: str) -> FrozenTrial:
    """Run the trials that are still to be run, and write what was found below the job's folder; returns the best.

    A study is known by all that decides what its trials come to, but not by their number: with more trials it goes on.
    """
    run = prepare_run(open_store(job.family), job.setup, config_path)
    sides = run_sides(run, job.record)
    name = _identity(job, run, sides.digest())
    with opened(job.folder / "study.db", name, job.search.epochs) as study:
        _sweep(study, job.folder / "trials")
        _enqueue_own(study, job)
        for trial in _outcomes(study, job, workers, config_path):
            log.info("trial %d, %d of %d: %s", trial.number, len(_ended(study)), job.search.trials, _said(trial))
        trials = _ended(study)
        whole = [trial for trial in trials if trial.state is TrialState.COMPLETE]
        if not whole:
            raise InputError(
                f"{config_path}.search.space: none of {len(trials)} trials came to its end, the first because "
                f"{trials[0].user_attrs.get('reason')}; change the space"
            )
        counts = {"training": len(sides.train), "validation": len(sides.validation)}
        write_table(job, trials)
        write_search_page(job, study, counts, run.store.identity)
        write_best(job, study.best_trial)
        return study.best_trial


def _identity(job: SearchJob, run: Run, sides: str) -> str:
    """Return the identity of a study: a hash of all that decides how parameters are drawn and what they come to."""
    whole = {
        "search": job.search.model_dump(mode="json", exclude={"trials", "processes"}),
        "store": run.store.identity,
        "sides": sides,
        "model": job.setup.model.model_dump(mode="json"),
        "training": job.setup.training.model_dump(mode="json", exclude=NO_IDENTITY | {"epochs", "sync_batchnorm"}),
        "classes": run.classes,
        "positive": run.positive,
        "code": code_digest(job.setup.model),
        **({} if job.setup.task == "multiclass" else {"task": job.setup.task}),
    }
    return digest(json.dumps(whole, sort_keys=True).encode())


def _ended(study: Study) -> list[FrozenTrial]:
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]


def _sweep(study: Study, folder: Path) -> None:
    """Remove the checkpoints of trials that have ended, as a kill can leave them, or that are of another study."""
    going = {_folder(trial.number) for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))}
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in going:
            shutil.rmtree(path)


def _folder(number: int) -> str:
    return f"{number:04d}"


def _enqueue_own(study: Study, job: SearchJob) -> None:
    """The experiment as it stands is the first trial, if it lies in the space: what is found is no worse."""
    if study.get_trials(deepcopy=False):
        return
    settings = settings_of(job.setup.model, job.setup.training)
    own = {name: dimension.label_of(settings[name]) for name, dimension in job.search.space.items()}
    if all(label is not None for label in own.values()):
        study.enqueue_trial(own)


def _outcomes(study: Study, job: SearchJob, workers: int, config_path: str) -> Iterator[FrozenTrial]:
    """Yield trials as they end. One that ran out of memory beside others is run again, alone, when they have ended."""
    left = job.search.trials - len(_ended(study))
    usual = 1 if device_of(job.setup.training).type == "cuda" else workers
    processes = max(1, min(job.search.processes or usual, left))
    tasks = _tasks(study, job, config_path)
    if processes == 1:
        for task in tasks:
            ended = run_trial(task)
            yield ended if ended.state.is_finished() else run_trial(_alone(task))
        return
    with _workers(processes, max(1, workers // processes)) as pool:
        running: dict[Future[FrozenTrial], Task] = {}
        postponed: deque[Task] = deque()
        while True:
            # None is asked for before it can begin: each is drawn with all that is known by then.
            while len(running) < processes and (begun := next(tasks, None)) is not None:
                running[_submitted(pool, begun)] = begun
            if not running and postponed:
                alone = _alone(postponed.popleft())
                running[_submitted(pool, alone)] = alone
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                tried = running.pop(future)
                if (ended := future.result()).state.is_finished():
                    yield ended
                else:
                    postponed.append(tried)


def _alone(task: Task) -> Task:
    """A trial that ran out of memory, for its second and last attempt."""
    log.info("trial %d: out of memory; tried once more, alone", task.number)
    return replace(task, last_attempt=True)


def _submitted(pool: ProcessPoolExecutor, task: Task) -> Future[FrozenTrial]:
    with _uninterrupted():
        return pool.submit(run_trial, task)


def _tasks(study: Study, job: SearchJob, config_path: str) -> Iterator[Task]:
    """First what was broken off, then new trials, until there are as many as there should be."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        yield from _task(study, Trial(study, trial._trial_id), job, config_path)
    while (begun := _begun(study)) < job.search.trials:
        # A generator for each trial, so that a search that was broken off draws what it would have drawn.
        seed = int(np.random.SeedSequence([job.search.seed, begun]).generate_state(1)[0])
        study.sampler = TPESampler(seed=seed)
        yield from _task(study, study.ask(), job, config_path)


def _begun(study: Study) -> int:
    return sum(trial.state is not TrialState.WAITING for trial in study.get_trials(deepcopy=False))


def _task(study: Study, trial: Trial, job: SearchJob, config_path: str) -> Iterator[Task]:
    """Yield the task of a trial; none if its settings do not go together."""
    values = {name: dimension.suggest(trial, name) for name, dimension in job.search.space.items()}
    own = {"training.epochs": job.search.epochs, "training.max_time": None}
    try:
        model, training = changed(job.setup.model, job.setup.training, values | own)
    except ValidationError as error:
        log.info("trial %d, %d of %d: %s", trial.number, len(_ended(study)), job.search.trials,
                 _said(failed(study, trial, reason(error))))  # fmt: skip
        return
    yield Task(
        database=job.folder / "study.db",
        study=study.study_name,
        trial_id=trial._trial_id,
        number=trial.number,
        folder=job.folder / "trials" / _folder(trial.number),
        family=job.family,
        config_path=config_path,
        setup=job.setup.model_copy(update={"model": model, "training": training}),
        record=job.record,
    )


def _said(trial: FrozenTrial) -> str:
    if trial.state is TrialState.FAIL:
        return f"failed: {trial.user_attrs['reason']}"
    ended = "pruned" if trial.state is TrialState.PRUNED else "ended"
    accuracy, seconds = trial.user_attrs["accuracy"], trial.user_attrs["seconds"]
    epochs = len(trial.intermediate_values)
    return (
        f"{ended} after {epochs} epochs, validation loss {loss_of(trial):.3f}, accuracy {accuracy:.3f}, {seconds:.0f} s"
    )


@contextmanager
def _workers(processes: int, threads: int) -> Iterator[ProcessPoolExecutor]:
    """Processes of so many threads each, which end with this one, however it ends."""
    # A fork would copy locks that threads of this process hold.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, begin_worker, (threads,))
    try:
        yield pool
    except BaseException as error:
        for child in multiprocessing.active_children():  # none but these; a trial goes on at its last checkpoint
            child.kill()
        if isinstance(error, BrokenExecutor):
            raise InputError(WORKER_LOST) from None
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits, and for ever in a process that is started here: the one that starts it also ends it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
