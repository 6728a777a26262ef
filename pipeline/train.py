"""Training one experiment on its store: split, fit, evaluate."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from lightning.pytorch import Callback

from features.recipe import ORIGINAL
from pipeline.config import Split
from pipeline.errors import InputError
from pipeline.results import write_folds, write_run
from pipeline.split import Sides, by_fold, by_group, has_folds
from stores.reader import Store
from training.artefact import write_artefact
from training.detection import BEST, EVEN, Detection, choose_threshold, detect, probabilities
from training.evaluation import Predictions, Scores, predict, score
from training.fit import Fitted, device_of, fit
from training.settings import Model, SpectrogramModel, Training
from training.standard import fitted_standard
from training.stream import ClipStream

log = logging.getLogger("otogura")

DETECTED = "NG"  # unless the configuration names another


@dataclass(frozen=True)
class Run:
    """What the runs of an experiment share. `positive` is the one of two classes to be detected."""

    store: Store
    model: Model
    training: Training
    where: str
    classes: list[str]
    positive: str | None

    @property
    def positive_number(self) -> int | None:
        return None if self.positive is None else self.classes.index(self.positive)

    @cached_property
    def labels(self) -> np.ndarray:
        """The number of each row's class, `(rows,)` int64."""
        number = {label: place for place, label in enumerate(self.classes)}
        return np.array([number[label] for label in self.store.rows["label"].to_pylist()], dtype=np.int64)


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
) -> dict[str, Any]:
    """Train, evaluate and report below `folder`; returns what metrics.json holds.

    With `folds`, one run for each in a folder of its own, and their mean and standard deviation. `positive` is the one
    of two classes to be detected.
    """
    run = run_of(store, where=where, model=model, training=training, positive=positive)
    if folds is None:
        return _single(folder, sides_of(run, split), f"{name} on {store.manifest['corpus']}", run)
    # Before the first hour of training.
    all_sides = [_fold_sides(store.rows, fold, split, where, training.validates) for fold in folds]
    results = []
    for fold, sides in zip(folds, all_sides, strict=True):
        title = f"{name} on {store.manifest['corpus']}, tested on fold {fold}"
        results.append(_single(folder / f"fold-{fold}", sides, title, run))
    return write_folds(folder, name, folds, results)


def run_of(store: Store, *, where: str, model: Model, training: Training, positive: str | None) -> Run:
    """What an experiment runs on a store. Raises `InputError` for what does not fit together."""
    if training.device == "cuda" and not torch.cuda.is_available():
        raise InputError(f"{where}.training.device: expected a GPU that torch can use, found none; say auto or cpu")
    if (kind := store.manifest["recipe"]["kind"]) != model.reads:
        raise InputError(
            f"{where}.recipe: the model {model.name} reads recipes of kind {model.reads}, this one is of kind {kind}; "
            "choose another recipe or another model"
        )
    classes = sorted(set(store.rows["label"].to_pylist()))
    detected = _positive(classes, positive, where)
    if detected is None and isinstance(training.class_weight, float):
        raise InputError(
            f"{where}.training.class_weight: a number is the weight of the positive one of two classes, and there are "
            f"{len(classes)}; say balanced or none"
        )
    return Run(store, model, training, where, classes, detected)


def sides_of(run: Run, split: Split) -> Sides:
    """Of a single run: given folds as they are, tested on the highest; otherwise by group."""
    rows, validate = run.store.rows, run.training.validates
    if has_folds(rows):
        return _fold_sides(rows, max(rows["fold"].to_pylist()), split, run.where, validate)
    return by_group(rows, split, validate)


def fit_run(folder: Path, sides: Sides, run: Run, callbacks: Sequence[Callback] = ()) -> Fitted:
    """`fit` on the training clips, and on those that validate; no clip that tests is read."""
    store, training, labels = run.store, run.training, run.labels
    _refuse_unlearnable(sides, labels, run)
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
    return fit(
        folder,
        train,
        _originals(sides.validation, run) if training.validates else None,
        classes=len(run.classes),
        model=run.model,
        training=training,
        identity={"store": store.identity, "split": sides.digest()},
        class_weights=_class_weights(training, labels[sides.train], len(run.classes), run.positive_number),
        standard=fitted_standard(store, sides.train, variants) if isinstance(run.model, SpectrogramModel) else None,
        callbacks=callbacks,
    )


def _originals(rows: np.ndarray, run: Run) -> ClipStream:
    """Clips as they were recorded, in the order of the store."""
    return ClipStream(run.store, rows, run.labels, batch_size=run.training.batch_size, expand=False)


def _single(folder: Path, sides: Sides, title: str, run: Run) -> dict[str, Any]:
    store, training, classes = run.store, run.training, run.classes
    counts = tuple(len(part) for part in (sides.train, sides.validation, sides.test))
    log.info("%s: %d training, %d validation, %d test clips", title, *counts)
    if len(sides.left_out):
        log.info("%s: %d clips left out, because their group is on another side", title, len(sides.left_out))
    fitted = fit_run(folder, sides, run)
    device = device_of(training)
    tested = predict(fitted.network, _originals(sides.test, run), device)
    if run.positive_number is None:
        detection, scores = None, score(tested, classes)
    else:
        validating = _originals(sides.validation, run) if training.validates else None
        validated = None if validating is None else predict(fitted.network, validating, device)
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
        "test_clips": len(sides.test),
        "store": store.identity,
        "model_version": version,
        "per_class": scores.per_class,
        "confusion": scores.confusion.tolist(),
        "history": fitted.history,
    }
    write_run(folder, title, metrics, scores, detection)
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


def _class_weights(training: Training, labels: np.ndarray, classes: int, positive: int | None) -> list[float] | None:
    if training.class_weight == "none":
        return None
    if training.class_weight == "balanced":
        counts = np.bincount(labels, minlength=classes)
        return [float(weight) for weight in len(labels) / (classes * counts)]
    return [float(training.class_weight) if number == positive else 1.0 for number in range(classes)]


def _refuse_unlearnable(sides: Sides, labels: np.ndarray, run: Run) -> None:
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
