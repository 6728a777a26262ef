"""Setup of an experiment: what is learned, by which model, and how it is trained and tested."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from pipeline.corpus.split import Split
from training.models import Model
from training.settings import Section, TaskName, Training


def _different(folds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(folds)) < len(folds):
        raise ValueError("each fold once")
    return folds


class Setup(Section):
    """Model, training, classes and split of an experiment, on whatever store. Jobs and runs pass it on as a whole."""

    model: Model
    """Network: its name, or `{name: …}` with settings of its own; `{class: FILE.py:CLASS, reads: …}` is one of yours,
    see *Write your own*. By default the one that fits the corpus."""

    training: Training
    """Training of the network. By default as it was published, see the table under *Training*."""

    task: TaskName = "multiclass"
    """Task: `multiclass` takes the label of a clip for its one class. `multilabel` takes it for a list, as in
    `dog;rain`, and each label is answered by itself; see *Several labels*."""

    classes: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    """Classes of the corpus that are learned. By default all of them."""

    drop: tuple[str, ...] = ()
    """Classes of the corpus that are not learned; in place of `classes`."""

    positive: str | None = None
    """Class to be detected, of two. By default `NG`, or else the last by name. Not with `task: multilabel`."""

    sure_accuracy: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Wanted accuracy of the answers that are sure. The confidence that an answer needs for it is chosen on clips that
    validate and kept with the model; below it the model says that it is not sure. It changes no weight. With
    `task: multilabel` there is no such limit."""

    split: Split = Split()
    """Shares of the sides, where the corpus gives neither folds nor sides."""

    folds: Annotated[tuple[int, ...], Field(min_length=1), AfterValidator(_different)] | None = None
    """Folds of the corpus to test on in turn: cross-validation. By default its highest fold tests, once."""

    @model_validator(mode="after")
    def _names_classes_once(self) -> "Setup":
        if self.classes is not None and self.drop:
            raise ValueError("say classes or drop, not both")
        return self

    @model_validator(mode="after")
    def _detects_one_of_two_classes(self) -> "Setup":
        if self.task == "multilabel" and self.positive is not None:
            raise ValueError("positive is one of two classes, and with task: multilabel every label is detected")
        return self
