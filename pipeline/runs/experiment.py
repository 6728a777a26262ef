"""What is trained, on which clips: an experiment's model and classes on its store, and the sides of a split."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from pipeline.corpus.sides import Sides, assign, by_fold, by_side
from pipeline.corpus.split import Split
from pipeline.corpus.split_file import recorded_sides
from pipeline.runs.learnable import learned_classes
from pipeline.runs.learned import refuse_learned
from pipeline.support.errors import InputError
from stores.reader import Store
from training.settings import Model, Training

DETECTED = "NG"  # unless the configuration names another
NEEDED = "a class needs recordings of three groups or more, or of every fold or side that is given"


@dataclass(frozen=True)
class Run:
    """What the runs of an experiment share. `positive` is the one of two classes to be detected."""

    store: Store
    model: Model
    training: Training
    where: str
    classes: list[str]  # that are learned
    positive: str | None

    @property
    def positive_number(self) -> int | None:
        return None if self.positive is None else self.classes.index(self.positive)

    @cached_property
    def labels(self) -> np.ndarray:
        """The number of each row's class, `(rows,)` int64; -1 where it is none that is learned."""
        number = {label: place for place, label in enumerate(self.classes)}
        return np.array([number.get(label, -1) for label in self.store.rows["label"].to_pylist()], dtype=np.int64)


def run_of(
    store: Store,
    *,
    where: str,
    model: Model,
    training: Training,
    positive: str | None,
    classes: Sequence[str] | None = None,
    drop: Sequence[str] = (),
) -> Run:
    """What an experiment runs on a store. Raises `InputError` for what does not fit together.

    Parameters
    ----------
    positive : str or None
        The one of two classes to be detected.
    classes, drop : sequences of str, optional
        The classes of the corpus to be learned, or those to be left out. Which clips test does not depend on it.
    """
    if training.device == "cuda" and not torch.cuda.is_available():
        raise InputError(f"{where}.training.device: expected a GPU that torch can use, found none; say auto or cpu")
    if (kind := store.manifest["recipe"]["kind"]) != model.reads:
        raise InputError(
            f"{where}.recipe: the model {model.name} reads recipes of kind {model.reads}, this one is of kind {kind}; "
            "choose another recipe or another model"
        )
    learned = learned_classes(store.rows, classes, drop, where)
    detected = _positive(learned, positive, where)
    if detected is None and isinstance(training.class_weight, float):
        raise InputError(
            f"{where}.training.class_weight: a number is the weight of the positive one of two classes, and there are "
            f"{len(learned)}; say balanced or none"
        )
    return Run(store, model, training, where, learned, detected)


def sides_of(run: Run, split: Split, record: Path | None, init_from: Path | None = None) -> Sides:
    """Return the sides of a single run, as `record` has them; without one they are drawn.

    Raises `InputError` where nothing can be learned or tested, or where the weights of `init_from` know what tests.
    """
    rows = run.store.rows
    try:
        sides = assign(rows, split) if record is None else recorded_sides(record, rows)
    except InputError as error:
        raise InputError(f"{run.where}: {error}") from None
    return _fit_for(run, by_side(rows, sides, run.training.validates).of(run.labels >= 0), init_from)


def fold_sides(run: Run, fold: int, split: Split, init_from: Path | None) -> Sides:
    """Return the sides of the run that is tested on a fold. Raises `InputError` as `sides_of` does."""
    rows = run.store.rows
    try:
        sides = by_fold(rows, fold, split, run.training.validates).of(run.labels >= 0)
    except InputError as error:
        raise InputError(f"{run.where}.folds: {error}") from None
    return _fit_for(run, sides, init_from)


def _fit_for(run: Run, sides: Sides, init_from: Path | None) -> Sides:
    """These sides, if a run can be trained and tested on them."""
    _refuse_unlearnable(sides, run)
    if init_from is not None:
        refuse_learned(run.store.rows, sides, init_from, run.where)
    return sides


def _positive(classes: Sequence[str], named: str | None, where: str) -> str | None:
    """The class to be detected, if there are two."""
    if named is not None and (named not in classes or len(classes) != 2):
        raise InputError(
            f"{where}.positive: expected one of two classes, got {named!r}; there are {', '.join(classes)}"
        )
    if len(classes) != 2:
        return None
    return named or (DETECTED if DETECTED in classes else classes[-1])


def _refuse_unlearnable(sides: Sides, run: Run) -> None:
    classes, where, labels = run.classes, run.where, run.labels
    evaluated = ("validation", "test") if run.training.validates else ("test",)
    for side in ("train", *evaluated):
        if not len(getattr(sides, side)):
            raise InputError(f"{where}: expected clips to train, validate and test, but {side} has none; {NEEDED}")
    counts = np.bincount(labels[sides.train], minlength=len(classes))
    if missing := [name for name, count in zip(classes, counts, strict=True) if not count]:
        raise InputError(f"{where}: class {missing[0]!r} has no training clip; {NEEDED}")
    if len(classes) == 2:
        for side in evaluated:
            present = set(labels[getattr(sides, side)].tolist())
            if len(present) < 2:
                raise InputError(
                    f"{where}: expected clips of both classes for {side}, found only {classes[present.pop()]!r}; "
                    f"{NEEDED}"
                )
