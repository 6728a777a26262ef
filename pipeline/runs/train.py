"""Training one experiment on its store: split, fit, evaluate."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.recipe import ORIGINAL
from features.tensors import recorded_recipe
from pipeline.config.setup import Setup
from pipeline.corpus.recordings import Recording, whole_name
from pipeline.corpus.sides import Sides
from pipeline.corpus.sources.base import Recordings
from pipeline.corpus.split_file import SPLIT_FILE, write_sides
from pipeline.runs.corpus import learned_corpus
from pipeline.runs.cost import training_cost
from pipeline.runs.events import EVENTS
from pipeline.runs.fitting import fit_run, originals, tensors_per_epoch
from pipeline.runs.leak import DUPLICATES, measure_leak
from pipeline.runs.learned import LEARNED, write_learned
from pipeline.runs.mistakes import MISTAKES, mistakes_of, mistakes_panel, write_mistakes
from pipeline.runs.origin import data_panel, provenance_panel
from pipeline.runs.run import Run, fold_sides, prepare_run, run_sides
from pipeline.runs.settings_file import write_settings
from pipeline.runs.tracking import RunEvents, run_events, settings_of
from stores.files import read_json
from stores.reader import Store
from training.artefact import DESCRIPTION, WEIGHTS, LearnedCorpus, write_artefact
from training.devices import device_of
from training.evaluation.evaluate import Evaluation, evaluate
from training.evaluation.explanation import attention_summary, explain, most_confident
from training.evaluation.folds import fold_metrics
from training.evaluation.predict import predict
from training.evaluation.prediction_table import PREDICTIONS, write_predictions
from training.evaluation.predictions import Predictions, averaged
from training.report.attention import clip_picture, looked_panel
from training.report.fold_folders import fold_folder
from training.report.folds import write_folds
from training.report.notices import notices
from training.report.run import before_and_after, write_run
from training.report.settings import SETTINGS

log = logging.getLogger("otogura")

MAIN_SCORES = ("accuracy", "top5_accuracy", "macro_f1", "loss", "roc_auc", "pauc", "pr_auc")  # kept with the model
SINGLE_FILES = (WEIGHTS, DESCRIPTION, EVENTS, LEARNED, MISTAKES, DUPLICATES, SPLIT_FILE, PREDICTIONS, SETTINGS)


@dataclass(frozen=True)
class Context:
    """Name of an experiment, its recordings to be listened to, the table of the bad ones, and its corpus."""

    name: str
    recordings: Recordings | None
    quarantine: Path | None
    corpus: LearnedCorpus

    def recording(self, row: int) -> Recording:
        """Return the recording of a row of the store."""
        assert self.recordings is not None
        return self.recordings(range(row, row + 1))[0]


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
) -> dict[str, Any]:
    """Train, evaluate and report below `folder`; returns what metrics.json holds.

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
    """
    run = prepare_run(store, setup, config_path)
    training, folds = setup.training, setup.folds
    title = f"{name} on {store.manifest['corpus']}"
    context = Context(name, recordings, quarantine, corpus or learned_corpus(store))
    until = None if training.max_time is None else time.monotonic() + training.max_time.total_seconds()
    if folds is None:
        sides = run_sides(run, record, init_from)
        with run_events(folder, settings_of(run, name, None, init_from), tracking) as events:
            metrics = _single(folder, sides, title, run, init_from, context, events, until)[0]
        _remove_predictions(folder, folds=())
        return metrics
    before = [None if init_from is None else fold_folder(init_from, fold) for fold in folds]
    # All of them before the first hour of training.
    all_sides = [fold_sides(run, fold, start) for fold, start in zip(folds, before, strict=True)]
    runs = []
    for fold, sides, start in zip(folds, all_sides, before, strict=True):
        below, tested = fold_folder(folder, fold), f"{title}, tested on fold {fold}"
        with run_events(below, settings_of(run, name, fold, init_from), tracking) as events:
            runs.append(_single(below, sides, tested, run, start, context, events, until))
    # Of a run without folds, which this one replaces.
    for single in SINGLE_FILES:
        (folder / single).unlink(missing_ok=True)
    _remove_predictions(folder, folds)
    results = [result for result, _ in runs]
    metrics = fold_metrics(folds, results, [evaluation for _, evaluation in runs])
    write_folds(folder, name, results, metrics)
    return metrics


def _remove_predictions(folder: Path, folds: Sequence[int]) -> None:
    """Remove predictions of folds that are no longer tested; their checkpoints stay, should they be tested again."""
    tested = {fold_folder(folder, fold) for fold in folds}
    for path in folder.glob(f"fold-*/{PREDICTIONS}"):
        if path.parent not in tested:
            path.unlink()


def _single(
    folder: Path,
    sides: Sides,
    title: str,
    run: Run,
    init_from: Path | None,
    context: Context,
    events: RunEvents,
    until: float | None,
) -> tuple[dict[str, Any], Evaluation]:
    """Return the metrics of one run, as its metrics.json has them, and the evaluation that they are of."""
    store, training, classes = run.store, run.setup.training, run.classes
    counts = tuple(len(part) for part in (sides.train, sides.validation, sides.test))
    log.info("%s: %d training, %d validation, %d test clips", title, *counts)
    if len(sides.left_out):
        log.info("%s: %d clips left out, because their group is on another side", title, len(sides.left_out))
    fold = events.settings["fold"]
    label = "" if fold is None else f"fold {fold}"
    fitted = fit_run(folder, sides, run, init_from, before_epoch=events.write_epochs, until=until, label=label)
    events.write_epochs(fitted.history, fitted.network)
    write_learned(folder, store.rows, sides, init_from)
    write_sides(folder / SPLIT_FILE, store.rows, sides)

    def of_recordings(predictions: Predictions) -> tuple[Predictions, list[str]]:
        """Return the predictions of whole recordings, and their names."""
        return averaged(predictions, [whole_name(name) for name in store.rows["id"].take(predictions.rows).to_pylist()])

    device = device_of(training)
    clips = predict(fitted.network, originals(sides.test, run), device)
    tested, names = of_recordings(clips)
    validated = None
    if training.validates:
        validated = of_recordings(predict(fitted.network, originals(sides.validation, run), device))[0]
    evaluation = evaluate(
        tested,
        validated,
        classes=classes,
        positive=run.positive_number,
        groups=run.groups,
        train_labels=run.labels[sides.train],
        sure_accuracy=run.setup.sure_accuracy,
    )
    decision = evaluation.decision
    detected = {} if run.positive is None else {"positive": run.positive, "threshold": decision.threshold}
    answers = decision.classes(clips)
    shown = most_confident(clips, answers)
    explanations = explain(fitted.network, originals(clips.rows[shown], run), answers[shown], device)
    version = write_artefact(
        folder,
        fitted.network.cpu(),
        model=run.setup.model,
        classes=classes,
        recipe=store.manifest["recipe"],
        identity=store.manifest["identities"][ORIGINAL],
        store=store.identity,
        corpus=context.corpus,
        scores={score: evaluation.summary[score] for score in MAIN_SCORES if score in evaluation.summary},
        decision=detected | {"temperature": decision.temperature, "not_sure_limit": decision.limit},
    )
    metrics = {
        **evaluation.summary,
        **detected,
        "classes": classes,
        "parameters": sum(weight.numel() for weight in fitted.network.parameters()),
        "train_clips": len(sides.train),
        "validation_clips": len(sides.validation),
        "test_clips": len(sides.test),
        "test_recordings": len(names),  # what the scores are of
        "store": store.identity,
        "model_version": version,
        "attention": attention_summary(explanations),
        "history": fitted.history,
    }
    wrong = mistakes_of(tested, evaluation.clips.decided, names, classes)
    write_mistakes(folder / MISTAKES, wrong, classes)
    groups = store.rows["group"].take(tested.rows)
    write_predictions(folder / PREDICTIONS, evaluation.clips, names, groups, classes)
    write_settings(folder, run, init_from)
    cost = training_cost([folder])
    sound = None if context.recordings is None else context.recording
    recipe = recorded_recipe(store.manifest["recipe"])
    sections = [
        looked_panel(explanations, store, classes),
        mistakes_panel(wrong, classes, sound, lambda row: clip_picture(store.clip(row), recipe)),
        data_panel(run, sides, context.quarantine),
        provenance_panel(run, context.name, None if cost is None else cost.text(tensors_per_epoch(sides, run))),
    ]
    if training.leak_meter:
        metrics["leak"], panel = measure_leak(
            folder, sides, run, metrics["accuracy"], init_from=init_from, sound=sound, until=until
        )
        sections.insert(0, panel)
    else:
        (folder / DUPLICATES).unlink(missing_ok=True)
    if init_from is not None:
        sections.insert(0, before_and_after(read_json(init_from / "metrics.json"), metrics, init_from))
    write_run(folder, title, metrics, evaluation, sections, keep=training.keep)
    for sentence in notices(metrics):
        log.warning("warning: %s: %s", title, sentence)
    events.write_scores(metrics)
    return metrics, evaluation
