"""Setup of an experiment: what is learned, by which model, and how it is trained and tested."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from pipeline.corpus.split import Split
from training.models import Model
from training.settings import Section, Training


def _different(folds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(folds)) < len(folds):
        raise ValueError("each fold once")
    return folds


class Setup(Section):
    """Model, training, classes and split of an experiment, on whatever store. Jobs and runs pass it on as a whole."""

    model: Model
    training: Training
    classes: Annotated[tuple[str, ...], Field(min_length=2)] | None = None  # of the corpus; all, unless said
    drop: tuple[str, ...] = ()  # or all but these
    positive: str | None = None  # of two classes, the one to be detected: NG, or else the last by name
    split: Split = Split()
    folds: Annotated[tuple[int, ...], Field(min_length=1), AfterValidator(_different)] | None = None  # test on each

    @model_validator(mode="after")
    def _names_classes_once(self) -> "Setup":
        if self.classes is not None and self.drop:
            raise ValueError("say classes or drop, not both")
        return self
