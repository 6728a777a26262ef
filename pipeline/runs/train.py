"""Training of an experiment on its store: one run, or one for each fold, and their mean."""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.config.setup import Setup
from pipeline.corpus.sources.base import Recordings
from pipeline.corpus.split_file import SPLIT_FILE
from pipeline.runs.assistance import assist
from pipeline.runs.baseline import BASELINE
from pipeline.runs.corpus import learned_corpus
from pipeline.runs.events import EVENTS
from pipeline.runs.leak import DUPLICATES
from pipeline.runs.learned import LEARNED
from pipeline.runs.mistakes import MISTAKES
from pipeline.runs.probes import PROBES, beside_probes
from pipeline.runs.run import fold_sides, prepare_run, run_sides
from pipeline.runs.single import Context, SingleRun, train_single
from pipeline.runs.tracking import run_events, settings_of
from stores.reader import Store
from training.artefact import DESCRIPTION, WEIGHTS, LearnedCorpus
from training.evaluation.folds import fold_metrics
from training.evaluation.linear_baseline import beside
from training.evaluation.prediction_table import PREDICTIONS
from training.ranks import ALONE, Ranks
from training.report.fold_folders import fold_folder
from training.report.folds import write_folds
from training.report.notices import baseline_notices
from training.report.settings import SETTINGS

log = logging.getLogger("otogura")

SINGLE_FILES = (WEIGHTS, DESCRIPTION, EVENTS, LEARNED, MISTAKES, DUPLICATES, SPLIT_FILE, PREDICTIONS, SETTINGS)


def train_experiment(
    folder: Path,
    store: Store,
    setup: Setup,
    *,
    name: str,
    config_path: str,
    record: Path | None = None,
    init_from: Path | None = None,
    recordings: Recordings | None = None,
    quarantine: Path | None = None,
    corpus: LearnedCorpus | None = None,
    tracking: Sequence[str] = (),
    probes: Mapping[str, Path] | None = None,
    ranks: Ranks = ALONE,
) -> dict[str, Any]:
    """Train, evaluate and report below `folder`; returns what metrics.json holds.

    Of several ranks the first one does so, and the others, which return nothing of it, help to train and to test.

    Parameters
    ----------
    folder : Path
    store : Store
    setup : Setup
        With `folds`, one run for each in a folder of its own, and their mean and standard deviation. The `max_time` of
        its training is that of all folds together.
    name : str
        The experiment's, for titles.
    config_path : str
        The experiment's part of the configuration, for messages.
    record : Path, optional
        The recorded split of the corpus, for a run without folds; otherwise it is drawn.
    init_from : Path, optional
        The folder of another run, whose weights are the beginning.
    recordings : optional
        Those of the store's rows, so that mistakes can be listened to.
    quarantine : Path, optional
        The table of the corpus's bad recordings, to be counted in the report.
    corpus : LearnedCorpus, optional
        Description of the corpus, kept with the model; by default what the store tells.
    tracking : sequence of str, optional
        Names of the trackers that follow the run.
    probes : mapping, optional
        Folders of linear probes on the same sides, by the names of their experiments: baselines in the report.
    ranks : Ranks, optional
        Processes that train together.
    """
    run = prepare_run(store, setup, config_path, ranks)
    training, folds = setup.training, setup.folds
    title = f"{name} on {store.manifest['corpus']}"
    context = Context(name, recordings, quarantine, corpus or learned_corpus(store), probes or {})
    until = None if training.max_time is None else time.monotonic() + training.max_time.total_seconds()
    if folds is None:
        sides = run_sides(run, record, init_from)
        if not ranks.first:
            assist(folder, run, sides, init_from, until)
            return {}
        with run_events(folder, settings_of(run, name, None, init_from), tracking) as events, ranks.watched():
            metrics = train_single(SingleRun(folder, run, sides, title, init_from, context, events, until)).metrics
        _remove_predictions(folder, folds=())
        _warn(title, metrics)
        return metrics
    before = [None if init_from is None else fold_folder(init_from, fold) for fold in folds]
    # All of them before the first hour of training.
    all_sides = [fold_sides(run, fold, start) for fold, start in zip(folds, before, strict=True)]
    runs = []
    for fold, sides, start in zip(folds, all_sides, before, strict=True):
        below, tested = fold_folder(folder, fold), f"{title}, tested on fold {fold}"
        if not ranks.first:
            assist(below, run, sides, start, until)
            continue
        with run_events(below, settings_of(run, name, fold, init_from), tracking) as events, ranks.watched():
            runs.append(train_single(SingleRun(below, run, sides, tested, start, context, events, until)))
    if not ranks.first:
        return {}
    # Of a run without folds, which this one replaces.
    for single in SINGLE_FILES:
        (folder / single).unlink(missing_ok=True)
    _remove_predictions(folder, folds)
    results, evaluations = [one.metrics for one in runs], [one.evaluation for one in runs]
    metrics = fold_metrics(folds, results, evaluations)
    metrics[BASELINE] = beside([one.clips for one in evaluations], [one.baseline.clips for one in runs])
    if probes:
        folders = {probe: [fold_folder(path, fold) for fold in folds] for probe, path in probes.items()}
        metrics[PROBES] = beside_probes([fold_folder(folder, fold) for fold in folds], folders)
    write_folds(folder, name, results, metrics)
    _warn(title, metrics)
    return metrics


def _warn(title: str, metrics: dict[str, Any]) -> None:
    """Log by what scores a baseline is better than the network."""
    for sentence in baseline_notices(metrics):
        log.warning("warning: %s: %s", title, sentence)


def _remove_predictions(folder: Path, folds: Sequence[int]) -> None:
    """Remove predictions of folds that are no longer tested; their checkpoints stay, should they be tested again."""
    tested = {fold_folder(folder, fold) for fold in folds}
    for path in folder.glob(f"fold-*/{PREDICTIONS}"):
        if path.parent not in tested:
            path.unlink()
