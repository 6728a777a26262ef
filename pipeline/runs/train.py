"""Training one experiment on its store: split, fit, evaluate."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from features.recipe import ORIGINAL
from pipeline.config.setup import Setup
from pipeline.corpus.recordings import whole_name
from pipeline.corpus.sides import Sides
from pipeline.corpus.sources.base import Recordings
from pipeline.corpus.split_file import SPLIT_FILE, write_sides
from pipeline.runs.events import EVENTS
from pipeline.runs.learned import LEARNED, write_learned
from pipeline.runs.mistakes import MISTAKES, mistakes_of, mistakes_panel, write_mistakes
from pipeline.runs.run import Run, fold_sides, prepare_run, run_sides
from pipeline.runs.tracking import Recording, recording, settings_of
from stores.files import read_json
from stores.reader import Store
from training.artefact import DESCRIPTION, WEIGHTS, read_artefact, write_artefact
from training.devices import device_of
from training.evaluation.detection import BEST, EVEN, Detection, choose_threshold, detect, probabilities
from training.evaluation.predictions import Predictions, averaged, predict
from training.evaluation.scores import Scores, score
from training.fit import Fitted, fit
from training.loop import BeforeEpoch
from training.models.base import SpectrogramModel
from training.models.crops import Standard
from training.normalise import TrainStatistics, fitted_statistics
from training.report.folds import write_folds
from training.report.run import before_and_after, write_run
from training.settings import Training
from training.standard import fitted_standard
from training.stream import ClipStream

log = logging.getLogger("otogura")


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
    tracking : sequence of str, optional
        Names of the trackers that follow the run.
    """
    run = prepare_run(store, setup, config_path)
    training, folds = setup.training, setup.folds
    title = f"{name} on {store.manifest['corpus']}"
    until = None if training.max_time is None else time.monotonic() + training.max_time.total_seconds()
    if folds is None:
        sides = run_sides(run, record, init_from)
        with recording(folder, settings_of(run, name, None, init_from), tracking) as events:
            return _single(folder, sides, title, run, init_from, recordings, events, until)
    before = [None if init_from is None else init_from / f"fold-{fold}" for fold in folds]
    # All of them before the first hour of training.
    all_sides = [fold_sides(run, fold, start) for fold, start in zip(folds, before, strict=True)]
    results = []
    for fold, sides, start in zip(folds, all_sides, before, strict=True):
        below, tested = folder / f"fold-{fold}", f"{title}, tested on fold {fold}"
        with recording(below, settings_of(run, name, fold, init_from), tracking) as events:
            results.append(_single(below, sides, tested, run, start, recordings, events, until))
    # Of a run without folds, which this one replaces.
    for single in (WEIGHTS, DESCRIPTION, EVENTS, LEARNED, MISTAKES, SPLIT_FILE):
        (folder / single).unlink(missing_ok=True)
    return write_folds(folder, name, folds, results)


def fit_run(
    folder: Path,
    sides: Sides,
    run: Run,
    init_from: Path | None = None,
    before_epoch: BeforeEpoch | None = None,
    until: float | None = None,
) -> Fitted:
    """`fit` on the training clips, and on those that validate; no clip that tests is read."""
    store, training, labels = run.store, run.setup.training, run.labels
    variants = (ORIGINAL,) if training.variants == "original" else store.variants
    train = ClipStream(
        store,
        sides.train,
        labels,
        batch_size=training.batch_size,
        variants=variants,
        choice="one" if training.variants == "one" else "all",
        views=training.views,
        shuffle=True,
        seed=training.seed,
        pin=device_of(training).type == "cuda",
        expand=False,
        statistics=training.normalise == "train",
    )
    standard: Standard | TrainStatistics | None = None
    if isinstance(run.setup.model, SpectrogramModel):
        standard = fitted_standard(store, sides.train, variants)
    elif training.normalise == "train":
        standard = fitted_statistics(store, sides.train, variants)
    return fit(
        folder,
        train,
        _originals(sides.validation, run) if training.validates else None,
        classes=run.classes,
        model=run.setup.model,
        training=training,
        identity={"store": store.identity, "split": sides.digest()},
        class_weights=_class_weights(training, labels[sides.train], len(run.classes), run.positive_number),
        standard=standard,
        start=None if init_from is None else read_artefact(init_from),
        before_epoch=before_epoch,
        until=until,
    )


def _originals(rows: np.ndarray, run: Run) -> ClipStream:
    """Clips as they were recorded, in the order of the store."""
    training = run.setup.training
    statistics = training.normalise == "train"
    return ClipStream(run.store, rows, run.labels, batch_size=training.batch_size, expand=False, statistics=statistics)


def _single(
    folder: Path,
    sides: Sides,
    title: str,
    run: Run,
    init_from: Path | None,
    recordings: Recordings | None,
    events: Recording,
    until: float | None,
) -> dict[str, Any]:
    store, training, classes = run.store, run.setup.training, run.classes
    counts = tuple(len(part) for part in (sides.train, sides.validation, sides.test))
    log.info("%s: %d training, %d validation, %d test clips", title, *counts)
    if len(sides.left_out):
        log.info("%s: %d clips left out, because their group is on another side", title, len(sides.left_out))
    fitted = fit_run(folder, sides, run, init_from, before_epoch=events.write_epochs, until=until)
    events.write_epochs(fitted.history, fitted.network)
    write_learned(folder, store.rows, sides, init_from)
    write_sides(folder / SPLIT_FILE, store.rows, sides)

    def predicted(rows: np.ndarray) -> tuple[Predictions, list[str]]:
        """Return the predictions of whole recordings, and their names."""
        predictions = predict(fitted.network, _originals(rows, run), device_of(training))
        return averaged(predictions, [whole_name(name) for name in store.rows["id"].take(predictions.rows).to_pylist()])

    tested, names = predicted(sides.test)
    validated = predicted(sides.validation)[0] if training.validates else None
    positive = run.positive_number
    detection = None if positive is None else _detected(validated, tested, positive)
    scores = _scored(tested, classes, positive, detection)
    validation = {} if validated is None else _scored(validated, classes, positive, detection).summary
    decided = {} if detection is None else {"positive": run.positive, "threshold": detection.summary["threshold"]}
    version = write_artefact(
        folder,
        fitted.network.cpu(),
        model=run.setup.model,
        classes=classes,
        recipe=store.manifest["recipe"],
        store=store.identity,
        decision=decided,
    )
    metrics = {
        **scores.summary,
        **decided,
        **({} if detection is None else detection.summary),
        **{f"validation_{name}": validation[name] for name in ("accuracy", "loss") if validation},
        "classes": classes,
        "parameters": sum(weight.numel() for weight in fitted.network.parameters()),
        "train_clips": len(sides.train),
        "validation_clips": len(sides.validation),
        "test_clips": len(sides.test),
        "test_recordings": len(names),  # what the scores are of
        "store": store.identity,
        "model_version": version,
        "untested": scores.untested,
        "per_class": scores.per_class,
        "confusion": scores.confusion.tolist(),
        "history": fitted.history,
    }
    wrong = mistakes_of(tested, scores.decided, names, classes)
    write_mistakes(folder / MISTAKES, wrong, classes)
    sound = None if recordings is None else lambda row: recordings(range(row, row + 1))[0]
    sections = [mistakes_panel(wrong, classes, sound)]
    if init_from is not None:
        sections.insert(0, before_and_after(read_json(init_from / "metrics.json"), metrics, init_from))
    write_run(folder, title, metrics, scores, detection, sections, keep=training.keep)
    events.write_scores(metrics)
    return metrics


def _detected(validated: Predictions | None, tested: Predictions, positive: int) -> Detection:
    """The positive class in test clips, by the threshold that is best on those of validation, if there are any."""
    threshold, chosen = 0.5, EVEN
    if validated is not None:
        threshold, chosen = choose_threshold(probabilities(validated, positive), validated.labels == positive), BEST
    return detect(probabilities(tested, positive), tested.labels == positive, threshold, chosen)


def _scored(predictions: Predictions, classes: list[str], positive: int | None, detection: Detection | None) -> Scores:
    """Decided by the threshold, where one of two classes is detected."""
    if positive is None or detection is None:
        return score(predictions, classes)
    detected = probabilities(predictions, positive) >= detection.summary["threshold"]
    return score(predictions, classes, np.where(detected, positive, 1 - positive))


def _class_weights(training: Training, labels: np.ndarray, classes: int, positive: int | None) -> list[float] | None:
    """Return a weight for each class, whose mean over the training clips with these `labels` is 1."""
    if training.class_weight == "none":
        return None
    counts = np.bincount(labels, minlength=classes)
    if training.class_weight == "balanced":
        return [float(weight) for weight in len(labels) / (classes * counts)]
    weights = np.where(np.arange(classes) == positive, training.class_weight, 1.0)
    return [float(weight) for weight in weights * len(labels) / (counts @ weights)]
