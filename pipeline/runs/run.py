"""Run of an experiment: its setup on its store, checked, and the sides that its clips are on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from pipeline.config.setup import Setup
from pipeline.corpus.sides import Sides, assign, by_fold, by_side
from pipeline.corpus.split_file import recorded_sides
from pipeline.runs.learnable import learned_classes
from pipeline.runs.learned import refuse_learned
from pipeline.support.errors import InputError
from stores.reader import Store
from training.ranks import ALONE, Ranks
from training.tasks import Task, task_of

DETECTED = "NG"  # unless the configuration names another
NEEDED = "a class needs recordings of three groups or more, or of every fold or side that is given"


@dataclass(frozen=True)
class Run:
    """Setup of an experiment on its store, checked.

    Attributes
    ----------
    store : Store
    setup : Setup
    config_path : str
        The experiment's part of the configuration, for messages.
    classes : list of str
        Those that are learned, in the order of the network's outputs.
    positive : str or None
        The one of two classes that is detected.
    ranks : Ranks
        Processes that train it together.
    """

    store: Store
    setup: Setup
    config_path: str
    classes: list[str]
    positive: str | None
    ranks: Ranks = ALONE

    @property
    def positive_number(self) -> int | None:
        return None if self.positive is None else self.classes.index(self.positive)

    @property
    def task(self) -> Task:
        return task_of(self.setup.task)

    @property
    def label_count(self) -> int | None:
        """Return the number of labels that are answered each by itself; None where a clip has one class."""
        return len(self.classes) if self.task.several else None

    @cached_property
    def labels(self) -> np.ndarray:
        """The labels of each row, as the task has them; none where they are not learned."""
        return self.task.labels(self.store.rows["label"].to_pylist(), self.classes)

    @cached_property
    def learned(self) -> np.ndarray:
        """True for rows with a class that is learned, `(rows,)` bool."""
        return self.task.has_label(self.labels)

    @cached_property
    def groups(self) -> np.ndarray:
        """The number of each row's group, `(rows,)` int64."""
        encoded = self.store.rows["group"].combine_chunks().dictionary_encode(null_encoding="encode")
        return encoded.indices.to_numpy().astype(np.int64)


def prepare_run(store: Store, setup: Setup, config_path: str, ranks: Ranks = ALONE) -> Run:
    """Return the run of a setup on a store. Raises `InputError` for what does not fit together.

    Which clips test does not depend on the classes that are learned.
    """
    training = setup.training
    if training.device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            f"{config_path}.training.device: expected a GPU that torch can use, found none; say auto or cpu"
        )
    classes = learned_classes(store.rows, setup.classes, setup.drop, config_path, setup.task)
    several = task_of(setup.task).several
    positive = None if several else _positive(classes, setup.positive, config_path)
    if positive is None and not several and isinstance(training.class_weight, float):
        raise InputError(
            f"{config_path}.training.class_weight: a number is the weight of the positive one of two classes, and "
            f"there are {len(classes)}; say balanced or none"
        )
    return Run(store, setup, config_path, classes, positive, ranks)


def run_sides(run: Run, record: Path | None = None, init_from: Path | None = None) -> Sides:
    """Return the sides of a single run, as `record` has them; without one they are drawn.

    Raises `InputError` where nothing can be learned or tested, or where the weights of `init_from` know what tests.
    """
    rows = run.store.rows
    try:
        sides = assign(rows, run.setup.split, task=run.setup.task) if record is None else recorded_sides(record, rows)
    except InputError as error:
        raise InputError(f"{run.config_path}: {error}") from None
    return _checked(run, by_side(rows, sides, run.setup.training.validates).of(run.learned), init_from)


def fold_sides(run: Run, fold: int, init_from: Path | None = None) -> Sides:
    """Return the sides of the run that is tested on a fold. Raises `InputError` as `run_sides` does."""
    rows = run.store.rows
    try:
        setup = run.setup
        sides = by_fold(rows, fold, setup.split, setup.training.validates, setup.task).of(run.learned)
    except InputError as error:
        raise InputError(f"{run.config_path}.folds: {error}") from None
    return _checked(run, sides, init_from)


def _checked(run: Run, sides: Sides, init_from: Path | None) -> Sides:
    """Return the sides if a run can be trained and tested on them."""
    _refuse_unlearnable(sides, run)
    if init_from is not None:
        refuse_learned(run.store.rows, sides, init_from, run.config_path)
    return sides


def _positive(classes: Sequence[str], named: str | None, config_path: str) -> str | None:
    """Return the class to be detected, if there are two."""
    if named is not None and (named not in classes or len(classes) != 2):
        raise InputError(
            f"{config_path}.positive: expected one of two classes, got {named!r}; there are {', '.join(classes)}"
        )
    if len(classes) != 2:
        return None
    return named or (DETECTED if DETECTED in classes else classes[-1])


def _refuse_unlearnable(sides: Sides, run: Run) -> None:
    """Raise `InputError` where a side has no clips, or a class has none to learn or to be tested by."""
    classes, config_path, labels = run.classes, run.config_path, run.labels
    evaluated = ("validation", "test") if run.setup.training.validates else ("test",)
    for side in ("train", *evaluated):
        if not len(getattr(sides, side)):
            raise InputError(
                f"{config_path}: expected clips to train, validate and test, but {side} has none; {NEEDED}"
            )
    counts = run.task.counts(labels[sides.train], len(classes))
    if missing := [name for name, count in zip(classes, counts, strict=True) if not count]:
        raise InputError(f"{config_path}: class {missing[0]!r} has no training clip; {NEEDED}")
    if run.task.several:
        if always := [name for name, count in zip(classes, counts, strict=True) if count == len(sides.train)]:
            raise InputError(
                f"{config_path}: every training clip has the label {always[0]!r}, so that there is nothing to tell it "
                f"by; add recordings without it, or drop: [{always[0]}]"
            )
    elif len(classes) == 2:
        for side in evaluated:
            present = set(labels[getattr(sides, side)].tolist())
            if len(present) < 2:
                raise InputError(
                    f"{config_path}: expected clips of both classes for {side}, found only {classes[present.pop()]!r}; "
                    f"{NEEDED}"
                )
