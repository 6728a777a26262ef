"""Training one experiment on its store: split, fit, evaluate."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from features.recipe import ORIGINAL
from pipeline.config import Split
from pipeline.errors import InputError
from pipeline.mistakes import mistakes_of, mistakes_panel, write_mistakes
from pipeline.recordings import whole_name
from pipeline.results import before_and_after, write_folds, write_run
from pipeline.sources.base import Recordings
from pipeline.split import Sides, by_fold, by_group, has_folds
from stores.files import read_json
from stores.reader import Store
from training.artefact import read_artefact, write_artefact
from training.detection import BEST, EVEN, Detection, choose_threshold, detect, probabilities
from training.evaluation import Predictions, Scores, averaged, predict, score
from training.fit import device_of, fit
from training.settings import Model, SpectrogramModel, Training
from training.standard import fitted_standard
from training.stream import ClipStream

log = logging.getLogger("otogura")

DETECTED = "NG"  # unless the configuration names another


@dataclass(frozen=True)
class _Run:
    """What the runs of an experiment share. `positive` is the one of two classes to be detected."""

    recordings: Recordings | None
    model: Model
    training: Training
    where: str
    classes: list[str]
    positive: str | None

    @property
    def positive_number(self) -> int | None:
        return None if self.positive is None else self.classes.index(self.positive)


def train_experiment(
    folder: Path,
    store: Store,
    *,
    name: str,
    where: str,
    model: Model,
    training: Training,
    split: Split,
    folds: Sequence[int] | None,
    positive: str | None = None,
    classes: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    init_from: Path | None = None,
    recordings: Recordings | None = None,
) -> dict[str, Any]:
    """Train, evaluate and report below `folder`; returns what metrics.json holds.

    Parameters
    ----------
    folds : sequence of int, optional
        With them one run for each in a folder of its own, and their mean and standard deviation.
    positive : str, optional
        The one of two classes to be detected.
    classes, drop : sequences of str, optional
        The classes of the corpus to be learned, or those to be left out. Which clips test does not depend on it.
    init_from : Path, optional
        The folder of another run, whose weights are the beginning.
    recordings : optional
        Those of the store's rows, so that mistakes can be listened to.
    """
    if training.device == "cuda" and not torch.cuda.is_available():
        raise InputError(f"{where}.training.device: expected a GPU that torch can use, found none; say auto or cpu")
    if (kind := store.manifest["recipe"]["kind"]) != model.reads:
        raise InputError(
            f"{where}.recipe: the model {model.name} reads recipes of kind {model.reads}, this one is of kind {kind}; "
            "choose another recipe or another model"
        )
    learned = _learned(sorted(set(store.rows["label"].to_pylist())), classes, drop, where)
    detected = _positive(learned, positive, where)
    if detected is None and isinstance(training.class_weight, float):
        raise InputError(
            f"{where}.training.class_weight: a number is the weight of the positive one of two classes, and there are "
            f"{len(learned)}; say balanced or none"
        )
    run = _Run(recordings, model, training, where, learned, detected)
    chosen = np.isin(store.rows["label"].to_pylist(), learned)
    if folds is None:
        sides = _sides(store.rows, split, where, training.validates).of(chosen)
        return _single(folder, store, sides, f"{name} on {store.manifest['corpus']}", run, init_from)
    # Before the first hour of training.
    all_sides = [_fold_sides(store.rows, fold, split, where, training.validates).of(chosen) for fold in folds]
    results = []
    for fold, sides in zip(folds, all_sides, strict=True):
        title = f"{name} on {store.manifest['corpus']}, tested on fold {fold}"
        before = None if init_from is None else init_from / f"fold-{fold}"
        results.append(_single(folder / f"fold-{fold}", store, sides, title, run, before))
    return write_folds(folder, name, folds, results)


def _single(folder: Path, store: Store, sides: Sides, title: str, run: _Run, init_from: Path | None) -> dict[str, Any]:
    training, classes = run.training, run.classes
    number = {label: place for place, label in enumerate(classes)}
    labels = np.array([number.get(label, -1) for label in store.rows["label"].to_pylist()], dtype=np.int64)
    _refuse_unlearnable(sides, labels, run)

    def stream(rows: np.ndarray) -> ClipStream:
        return ClipStream(store, rows, labels, batch_size=training.batch_size, expand=False)

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
    )
    counts = tuple(len(part) for part in (sides.train, sides.validation, sides.test))
    log.info("%s: %d training, %d validation, %d test clips", title, *counts)
    if len(sides.left_out):
        log.info("%s: %d clips left out, because their group is on another side", title, len(sides.left_out))
    validation = stream(sides.validation) if training.validates else None
    fitted = fit(
        folder,
        train,
        validation,
        classes=classes,
        model=run.model,
        training=training,
        identity={"store": store.identity, "split": sides.digest()},
        class_weights=_class_weights(training, labels[sides.train], len(classes), run.positive_number),
        standard=fitted_standard(store, sides.train, variants) if isinstance(run.model, SpectrogramModel) else None,
        start=None if init_from is None else read_artefact(init_from),
    )
    device = device_of(training)

    def predicted(rows: np.ndarray) -> tuple[Predictions, list[str]]:
        """Of whole recordings, and their names."""
        found = predict(fitted.network, stream(rows), device)
        return averaged(found, [whole_name(name) for name in store.rows["id"].take(found.rows).to_pylist()])

    tested, names = predicted(sides.test)
    if run.positive_number is None:
        detection, scores = None, score(tested, classes)
    else:
        validated = predicted(sides.validation)[0] if validation else None
        detection, scores = _detected(validated, tested, classes, run.positive_number)
    decided = {} if detection is None else {"positive": run.positive, "threshold": detection.summary["threshold"]}
    version = write_artefact(
        folder,
        fitted.network.cpu(),
        model=run.model,
        classes=classes,
        recipe=store.manifest["recipe"],
        store=store.identity,
        decision=decided,
    )
    metrics = {
        **scores.summary,
        **decided,
        **({} if detection is None else detection.summary),
        "classes": classes,
        "parameters": sum(weight.numel() for weight in fitted.network.parameters()),
        "train_clips": len(sides.train),
        "validation_clips": len(sides.validation),
        "test_clips": len(names),
        "store": store.identity,
        "model_version": version,
        "per_class": scores.per_class,
        "confusion": scores.confusion.tolist(),
        "history": fitted.history,
    }
    wrong = mistakes_of(tested, scores.decided, names, classes)
    write_mistakes(folder / "mistakes.csv", wrong, classes)
    read = run.recordings
    sound = None if read is None else lambda row: read(range(row, row + 1))[0]
    sections = [mistakes_panel(wrong, classes, sound)]
    if init_from is not None:
        sections.insert(0, before_and_after(read_json(init_from / "metrics.json"), metrics, init_from))
    write_run(folder, title, metrics, scores, detection, sections)
    return metrics


def _detected(
    validated: Predictions | None, tested: Predictions, classes: list[str], positive: int
) -> tuple[Detection, Scores]:
    """Scores of the test clips, decided by the threshold that is best on those of validation, if there are any."""
    threshold, chosen = 0.5, EVEN
    if validated is not None:
        threshold, chosen = choose_threshold(probabilities(validated, positive), validated.labels == positive), BEST
    found = probabilities(tested, positive)
    scores = score(tested, classes, np.where(found >= threshold, positive, 1 - positive))
    return detect(found, tested.labels == positive, threshold, chosen), scores


def _sides(rows: pa.Table, split: Split, where: str, validate: bool) -> Sides:
    """Given folds as they are, tested on the highest; otherwise by group."""
    if has_folds(rows):
        return _fold_sides(rows, max(rows["fold"].to_pylist()), split, where, validate)
    return by_group(rows, split, validate)


def _fold_sides(rows: pa.Table, fold: int, split: Split, where: str, validate: bool) -> Sides:
    if not has_folds(rows):
        raise InputError(f"{where}.folds: the corpus has no folds; name their column as corpus.fold")
    try:
        return by_fold(rows, fold, split, validate)
    except InputError as error:
        raise InputError(f"{where}.folds: {error}") from None


def _positive(classes: Sequence[str], named: str | None, where: str) -> str | None:
    """The class to be detected, if there are two."""
    if named is not None and (named not in classes or len(classes) != 2):
        raise InputError(
            f"{where}.positive: expected one of two classes, got {named!r}; there are {', '.join(classes)}"
        )
    if len(classes) != 2:
        return None
    return named or (DETECTED if DETECTED in classes else classes[-1])


def _learned(there: list[str], classes: Sequence[str] | None, drop: Sequence[str], where: str) -> list[str]:
    """The classes that are learned, of those that are there."""
    for key, named in (("classes", classes or ()), ("drop", drop)):
        if unknown := [name for name in named if name not in there]:
            raise InputError(
                f"{where}.{key}: expected classes of the corpus, got {unknown[0]!r}; there are {', '.join(there)}"
            )
    learned = [name for name in there if (classes is None or name in classes) and name not in drop]
    if len(learned) < 2:
        raise InputError(f"{where}.drop: expected two classes or more to be left of {', '.join(there)}")
    return learned


def _class_weights(training: Training, labels: np.ndarray, classes: int, positive: int | None) -> list[float] | None:
    if training.class_weight == "none":
        return None
    if training.class_weight == "balanced":
        counts = np.bincount(labels, minlength=classes)
        return [float(weight) for weight in len(labels) / (classes * counts)]
    return [float(training.class_weight) if number == positive else 1.0 for number in range(classes)]


def _refuse_unlearnable(sides: Sides, labels: np.ndarray, run: _Run) -> None:
    classes, where = run.classes, run.where
    evaluated = ("validation", "test") if run.training.validates else ("test",)
    for side in ("train", *evaluated):
        if not len(getattr(sides, side)):
            raise InputError(
                f"{where}: expected clips to train, validate and test, but {side} has none; without given folds, "
                "change its share or the seed under split"
            )
    counts = np.bincount(labels[sides.train], minlength=len(classes))
    if missing := [name for name, count in zip(classes, counts, strict=True) if not count]:
        raise InputError(
            f"{where}: class {missing[0]!r} has no training clip; it needs recordings of more groups or folds, or, "
            "without given folds, another seed under split"
        )
    if len(classes) == 2:
        for side in evaluated:
            present = set(labels[getattr(sides, side)].tolist())
            if len(present) < 2:
                raise InputError(
                    f"{where}: expected clips of both classes for {side}, found only {classes[present.pop()]!r}; it "
                    "needs recordings of more groups or folds, or, without given folds, another seed under split"
                )
