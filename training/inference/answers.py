"""Answers of a model, for a recording as a whole and for its windows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.evaluation.decision import Decision
from training.evaluation.predictions import Predictions
from training.label_text import SEPARATOR
from training.tasks import MULTICLASS, Task


@dataclass(frozen=True)
class Heard:
    """Outputs of a network for the windows of one recording.

    Attributes
    ----------
    start_s, end_s, weight : array of float64, shape (windows,)
    logits : array of float32, shape (windows, classes)
    task : Task
    """

    start_s: np.ndarray
    end_s: np.ndarray
    weight: np.ndarray
    logits: np.ndarray
    task: Task = MULTICLASS

    def runs(self, answers: np.ndarray) -> "Heard":
        """Return neighbouring windows with one answer as one: its logits are of their mean.

        A gap between windows ends a run. `answers` is as the task has them, with an element a window.
        """
        gap = self.start_s[1:] > np.maximum.accumulate(self.end_s)[:-1]
        first = np.flatnonzero(np.concatenate([[True], ~self.task.right(answers[1:], answers[:-1]) | gap]))
        last = np.append(first[1:], len(answers)) - 1
        weights = np.add.reduceat(self.weight, first)
        sums = np.add.reduceat(self.task.probabilities(self.logits) * self.weight[:, None], first, axis=0)
        merged = np.where((first == last)[:, None], self.logits[first], self.task.logits(sums / weights[:, None]))
        return Heard(self.start_s[first], self.end_s[last], weights, merged, self.task)

    def whole(self) -> np.ndarray:
        """Return the logits of the recording, `(1, classes)`: of the weighted mean of the windows' probabilities."""
        if len(self.logits) == 1:
            return self.logits
        mean = np.average(self.task.probabilities(self.logits), axis=0, weights=self.weight)
        return self.task.logits(mean[None])


@dataclass(frozen=True)
class Segment:
    """Answer for a part of a recording, from `start_s` to `end_s`."""

    start_s: float
    end_s: float
    class_name: str
    sure: bool
    confidence: float
    probabilities: dict[str, float]
    labels: tuple[str, ...] | None = None

    def described(self) -> dict[str, Any]:
        """Return the members of the JSON form."""
        return {"start_s": round(self.start_s, 6), "end_s": round(self.end_s, 6)} | _described(self)


@dataclass(frozen=True)
class Prediction:
    """Answer of a model for one recording.

    Attributes
    ----------
    class_name : str
        The class that is answered; several labels as in a table of a corpus, `dog;rain`.
    sure : bool
        True if `confidence` is above the limit that was chosen for the model, or it has none.
    confidence : float
        Probability of that class, with the model's temperature; of several labels, of the decision on the one that is
        least certain.
    probabilities : dict
        Probability of each class, as the evaluation of the run has it: without the temperature.
    model_version : str
    heard : Heard
        Windows with their logits.
    judge : Judge
    labels : tuple of str or None
        The labels that are answered, which may be none; None of a model that answers one class.
    """

    class_name: str
    sure: bool
    confidence: float
    probabilities: dict[str, float]
    model_version: str
    heard: Heard
    judge: "Judge"
    labels: tuple[str, ...] | None = None

    @property
    def likeliest(self) -> str:
        """Return the class that is answered; of several labels the likeliest, and of none the one nearest to it."""
        return self.class_name if self.labels is None else max(self.labels or self.probabilities, key=self._share)

    def _share(self, name: str) -> float:
        return self.probabilities[name]

    @property
    def segments(self) -> "list[Segment]":
        """Return the windows with their answers, in their order; none for a ready-made spectrogram."""
        return self.judge.segments(self.heard)

    def merged(self) -> "Prediction":
        """Return the prediction with neighbouring windows of one answer as one segment, of their mean probabilities."""
        answers = self.judge.answers(self.heard.logits)
        return self.judge.prediction(self.heard.runs(answers), whole=self.heard.whole())

    def described(self) -> dict[str, Any]:
        """Return the members of the JSON form, all but `file`."""
        segments = [segment.described() for segment in self.segments]
        return _described(self) | {"model_version": self.model_version, "segments": segments}


@dataclass(frozen=True)
class Judge:
    """Classes of a model, and what it decides by."""

    classes: tuple[str, ...]
    decision: Decision
    version: str
    task: Task = MULTICLASS

    def answers(self, logits: np.ndarray) -> np.ndarray:
        """Return the answers for logits `(clips, classes)`, as the task has them."""
        return self.decision.classes(self._predictions(logits))

    def prediction(self, heard: Heard, whole: np.ndarray | None = None) -> Prediction:
        """Return the answer for a recording, whose logits `(1, classes)` are by default those of its windows."""
        (decided,) = self._decided(heard.whole() if whole is None else whole)
        name, sure, confidence, probabilities, labels = decided
        return Prediction(name, sure, confidence, probabilities, self.version, heard, self, labels)

    def segments(self, heard: Heard) -> list[Segment]:
        """Return the answers for windows that have a place in time."""
        if not heard.end_s.any():
            return []
        answers = self._decided(heard.logits)
        rows = zip(heard.start_s.tolist(), heard.end_s.tolist(), answers, strict=True)
        return [Segment(start_s, end_s, *answer) for start_s, end_s, answer in rows]

    def _decided(
        self, logits: np.ndarray
    ) -> Iterator[tuple[str, bool, float, dict[str, float], tuple[str, ...] | None]]:
        predictions = self._predictions(logits)
        confidence = self.decision.confidence(predictions)
        limit = self.decision.limit
        sure = np.ones(len(confidence), bool) if limit is None else confidence > limit
        rows: Sequence[Sequence[float]] = predictions.probabilities.tolist()
        answers = self.task.names(self.decision.classes(predictions), self.classes)
        for names, certain, share, row in zip(answers, sure.tolist(), confidence.tolist(), rows, strict=True):
            labels = names if self.task.several else None
            yield SEPARATOR.join(names), certain, share, dict(zip(self.classes, row, strict=True)), labels

    def _predictions(self, logits: np.ndarray) -> Predictions:
        unknown = np.full(len(logits), -1)
        return Predictions(unknown, unknown, logits, self.task)


def _described(answer: Segment | Prediction) -> dict[str, Any]:
    probabilities = {name: _short(share) for name, share in answer.probabilities.items()}
    confidence = _short(answer.confidence)
    labels = {} if answer.labels is None else {"labels": list(answer.labels)}
    decided = {"class": answer.class_name, **labels, "sure": answer.sure, "confidence": confidence}
    return decided | {"probabilities": probabilities}


def _short(share: float) -> float:
    """Return a number with seven significant digits, which are more than float32 has."""
    return float(f"{share:.7g}")
