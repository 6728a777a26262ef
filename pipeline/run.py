"""What is trained, on which clips: an experiment's model and classes on its store, and the sides of a split."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from pipeline.config import Split
from pipeline.errors import InputError
from pipeline.learned import refuse_learned
from pipeline.split import Sides, by_fold, by_group, has_folds
from stores.reader import Store
from training.settings import Model, Training

DETECTED = "NG"  # unless the configuration names another
UNLESS_GIVEN = "unless more than two folds are given, change"  # which split has no say in


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
    learned = _learned(sorted(set(store.rows["label"].to_pylist())), classes, drop, where)
    detected = _positive(learned, positive, where)
    if detected is None and isinstance(training.class_weight, float):
        raise InputError(
            f"{where}.training.class_weight: a number is the weight of the positive one of two classes, and there are "
            f"{len(learned)}; say balanced or none"
        )
    return Run(store, model, training, where, learned, detected)


def sides_of(run: Run, split: Split, init_from: Path | None = None) -> Sides:
    """Of a single run: given folds as they are, tested on the highest; otherwise by group.

    Raises `InputError` where nothing can be learned or tested, or what tests is known to the weights of `init_from`.
    """
    rows = run.store.rows
    if has_folds(rows):
        return fold_sides(run, max(rows["fold"].to_pylist()), split, init_from)
    return _fit_for(run, by_group(rows, split, run.training.validates).of(run.labels >= 0), init_from)


def fold_sides(run: Run, fold: int, split: Split, init_from: Path | None) -> Sides:
    """Of the run that is tested on a fold. Raises `InputError` as `sides_of` does."""
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
            raise InputError(
                f"{where}: expected clips to train, validate and test, but {side} has none; {UNLESS_GIVEN} "
                "its share or the seed under split"
            )
    counts = np.bincount(labels[sides.train], minlength=len(classes))
    if missing := [name for name, count in zip(classes, counts, strict=True) if not count]:
        raise InputError(
            f"{where}: class {missing[0]!r} has no training clip; it needs recordings of more groups or folds; "
            f"{UNLESS_GIVEN} the seed under split"
        )
    if len(classes) == 2:
        for side in evaluated:
            present = set(labels[getattr(sides, side)].tolist())
            if len(present) < 2:
                raise InputError(
                    f"{where}: expected clips of both classes for {side}, found only {classes[present.pop()]!r}; it "
                    f"needs recordings of more groups or folds; {UNLESS_GIVEN} the seed under split"
                )
