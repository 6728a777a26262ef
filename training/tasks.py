"""Tasks: one class for each clip (`multiclass`), or any number of labels (`multilabel`).

A task says how labels stand in arrays, what the outputs of a network mean, and when an answer is right. All else in
evaluation and prediction asks it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from scipy.special import expit, log_expit, log_softmax, logit, logsumexp, softmax

from training.label_text import SEPARATOR, label_names
from training.settings import TaskName

TINY = np.finfo(np.float64).tiny


class Task(ABC):
    """Base class of the tasks.

    Labels are an array with an element a clip, and so are answers: numbers of classes `(clips,)` int64, of which -1 is
    none, or `(clips, classes)` bool.

    Attributes
    ----------
    name : str
    several : bool
        True if a clip may have several labels.
    """

    name: ClassVar[TaskName]
    several: ClassVar[bool]

    @abstractmethod
    def split(self, text: str) -> tuple[str, ...]:
        """Return the classes that are named in the label of a clip. Raises `ValueError` for a faulty list."""

    @abstractmethod
    def labels(self, texts: Sequence[str | None], classes: Sequence[str]) -> np.ndarray:
        """Return the labels of clips by their text; what is none of the classes does not count."""

    @abstractmethod
    def has_label(self, labels: np.ndarray) -> np.ndarray:
        """Return True for clips that have any of the classes, `(clips,)` bool."""

    @abstractmethod
    def strata(self, labels: np.ndarray) -> np.ndarray:
        """Return the number of the class that each clip counts for where only one can, `(clips,)` int64."""

    @abstractmethod
    def counts(self, labels: np.ndarray, classes: int) -> np.ndarray:
        """Return the number of clips of each class, `(classes,)` int64."""

    @abstractmethod
    def names(self, answers: np.ndarray, classes: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the names of each clip's labels, or of the answer for it."""

    def texts(self, answers: np.ndarray, classes: Sequence[str]) -> list[str]:
        """Return each clip's labels, or the answer for it, as text: the inverse of `labels`."""
        return [SEPARATOR.join(names) for names in self.names(answers, classes)]

    @abstractmethod
    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return the probabilities of logits, `(clips, classes)` float64."""

    @abstractmethod
    def logits(self, probabilities: np.ndarray) -> np.ndarray:
        """Return logits `(clips, classes)` float32 of these probabilities."""

    @abstractmethod
    def likeliest(self, logits: np.ndarray) -> np.ndarray:
        """Return the answers that are likelier than all others."""

    @abstractmethod
    def log_odds(self, logits: np.ndarray, number: int) -> np.ndarray:
        """Return the logarithms of the odds of a class, `(clips,)` float64."""

    @abstractmethod
    def losses(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the loss of each clip in nats, `(clips,)` float64."""

    @abstractmethod
    def right(self, answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return True for clips whose answer is right, `(clips,)` bool."""

    @abstractmethod
    def confidence(self, probabilities: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """Return the probability of each answer, `(clips,)` float64."""

    @abstractmethod
    def error_confidence(self, probabilities: np.ndarray, answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return how sure the network was of each answer that is wrong, `(clips,)` float64."""


class Multiclass(Task):
    """One class for each clip: the probabilities of all classes add up to 1."""

    name = "multiclass"
    several = False

    def split(self, text: str) -> tuple[str, ...]:
        return (text,)

    def labels(self, texts: Sequence[str | None], classes: Sequence[str]) -> np.ndarray:
        number = {name: place for place, name in enumerate(classes)}
        return np.array([number.get(text, -1) for text in texts], dtype=np.int64)  # type: ignore[arg-type]  # or None

    def has_label(self, labels: np.ndarray) -> np.ndarray:
        return labels >= 0

    def strata(self, labels: np.ndarray) -> np.ndarray:
        return labels

    def counts(self, labels: np.ndarray, classes: int) -> np.ndarray:
        return np.bincount(labels, minlength=classes)

    def names(self, answers: np.ndarray, classes: Sequence[str]) -> list[tuple[str, ...]]:
        return [(classes[number],) for number in answers.tolist()]

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        probabilities: np.ndarray = softmax(logits.astype(np.float64), axis=1)
        return probabilities

    def logits(self, probabilities: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(probabilities, TINY)).astype(np.float32)

    def likeliest(self, logits: np.ndarray) -> np.ndarray:
        """Return the class with the largest probability; the first of several."""
        return logits.argmax(axis=1)

    def log_odds(self, logits: np.ndarray, number: int) -> np.ndarray:
        others = np.delete(logits.astype(np.float64), number, axis=1)
        odds: np.ndarray = logits[:, number] - logsumexp(others, axis=1)
        return odds

    def losses(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the cross-entropy of each clip."""
        shares = log_softmax(logits.astype(np.float64), axis=1)
        losses: np.ndarray = -np.take_along_axis(shares, labels[:, None], axis=1)[:, 0]
        return losses

    def right(self, answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return answers == labels

    def confidence(self, probabilities: np.ndarray, answers: np.ndarray) -> np.ndarray:
        return np.take_along_axis(probabilities, answers[:, None], axis=1)[:, 0]

    def error_confidence(self, probabilities: np.ndarray, answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the largest probability."""
        return probabilities.max(axis=1)


class Multilabel(Task):
    """Any number of labels for each clip: every label has a probability of its own."""

    name = "multilabel"
    several = True

    def split(self, text: str) -> tuple[str, ...]:
        return label_names(text)

    def labels(self, texts: Sequence[str | None], classes: Sequence[str]) -> np.ndarray:
        number = {name: place for place, name in enumerate(classes)}
        place_of = {text: place for place, text in enumerate(dict.fromkeys(texts))}  # of the different texts
        of_texts = np.zeros((len(place_of), len(classes)), bool)
        for text, place in place_of.items():
            of_texts[place, [number[name] for name in _names(text) if name in number]] = True
        return of_texts[np.fromiter((place_of[text] for text in texts), np.int64, len(texts))]

    def has_label(self, labels: np.ndarray) -> np.ndarray:
        return labels.sum(axis=1) > 0

    def strata(self, labels: np.ndarray) -> np.ndarray:
        """Return each clip's rarest label, of several the first; -1 where it has none."""
        counts = labels.sum(axis=0)
        rarest = np.where(labels, counts, len(labels) + 1).argmin(axis=1)
        return np.where(self.has_label(labels), rarest, -1)

    def counts(self, labels: np.ndarray, classes: int) -> np.ndarray:
        return labels.sum(axis=0, dtype=np.int64)

    def names(self, answers: np.ndarray, classes: Sequence[str]) -> list[tuple[str, ...]]:
        return [tuple(classes[number] for number in np.flatnonzero(row).tolist()) for row in answers]

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        probabilities: np.ndarray = expit(logits.astype(np.float64))
        return probabilities

    def logits(self, probabilities: np.ndarray) -> np.ndarray:
        logits: np.ndarray = logit(np.clip(probabilities, TINY, np.nextafter(1.0, 0.0)))
        return logits.astype(np.float32)

    def likeliest(self, logits: np.ndarray) -> np.ndarray:
        """Return the labels that are more likely than not."""
        return logits > 0

    def log_odds(self, logits: np.ndarray, number: int) -> np.ndarray:
        return logits[:, number].astype(np.float64)

    def losses(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the binary cross-entropy of each clip, the mean over its labels."""
        signed = np.where(labels, logits, -logits).astype(np.float64)
        losses: np.ndarray = -log_expit(signed).mean(axis=1)
        return losses

    def right(self, answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return True for clips of which all labels are answered, and no other."""
        right: np.ndarray = (answers == labels).all(axis=1)
        return right

    def confidence(self, probabilities: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """Return the probability of the decision on the label that is least certain."""
        return np.where(answers, probabilities, 1 - probabilities).min(axis=1)

    def error_confidence(self, probabilities: np.ndarray, answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the probability of the surest wrong decision on a label."""
        shares = np.where(answers, probabilities, 1 - probabilities)
        return np.where(answers == labels, 0.0, shares).max(axis=1)


MULTICLASS, MULTILABEL = Multiclass(), Multilabel()


def task_of(name: TaskName) -> Task:
    """Return the task of a name."""
    return MULTILABEL if name == MULTILABEL.name else MULTICLASS


def _names(text: str | None) -> tuple[str, ...]:
    return () if not text else label_names(text)
