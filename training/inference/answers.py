"""Answers of a model, for a recording as a whole and for its windows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.evaluation.decision import Decision
from training.evaluation.predictions import Predictions, as_logits


@dataclass(frozen=True)
class Heard:
    """Outputs of a network for the windows of one recording.

    Attributes
    ----------
    start_s, end_s, weight : array of float64, shape (windows,)
    logits : array of float32, shape (windows, classes)
    """

    start_s: np.ndarray
    end_s: np.ndarray
    weight: np.ndarray
    logits: np.ndarray

    def runs(self, numbers: np.ndarray) -> "Heard":
        """Return neighbouring windows with one number, `(windows,)`, as one: its logits are of their mean.

        A gap between windows ends a run.
        """
        gap = self.start_s[1:] > np.maximum.accumulate(self.end_s)[:-1]
        first = np.flatnonzero(np.concatenate([[True], (numbers[1:] != numbers[:-1]) | gap]))
        last = np.append(first[1:], len(numbers)) - 1
        weights = np.add.reduceat(self.weight, first)
        sums = np.add.reduceat(softmax_of(self.logits) * self.weight[:, None], first, axis=0)
        merged = np.where((first == last)[:, None], self.logits[first], as_logits(sums / weights[:, None]))
        return Heard(self.start_s[first], self.end_s[last], weights, merged)

    def whole(self) -> np.ndarray:
        """Return the logits of the recording, `(1, classes)`: of the weighted mean of the windows' probabilities."""
        if len(self.logits) == 1:
            return self.logits
        return as_logits(np.average(softmax_of(self.logits), axis=0, weights=self.weight)[None])


@dataclass(frozen=True)
class Segment:
    """Answer for a part of a recording, from `start_s` to `end_s`."""

    start_s: float
    end_s: float
    class_name: str
    sure: bool
    confidence: float
    probabilities: dict[str, float]

    def described(self) -> dict[str, Any]:
        """Return the members of the JSON form."""
        return {"start_s": round(self.start_s, 6), "end_s": round(self.end_s, 6)} | _described(self)


@dataclass(frozen=True)
class Prediction:
    """Answer of a model for one recording.

    Attributes
    ----------
    class_name : str
        The class that is answered.
    sure : bool
        True if `confidence` is above the limit that was chosen for the model, or it has none.
    confidence : float
        Probability of that class, with the model's temperature.
    probabilities : dict
        Probability of each class, as the evaluation of the run has it: without the temperature.
    model_version : str
    heard : Heard
        Windows with their logits.
    judge : Judge
    """

    class_name: str
    sure: bool
    confidence: float
    probabilities: dict[str, float]
    model_version: str
    heard: Heard
    judge: "Judge"

    @property
    def segments(self) -> "list[Segment]":
        """Return the windows with their answers, in their order; none for a ready-made spectrogram."""
        return self.judge.segments(self.heard)

    def merged(self) -> "Prediction":
        """Return the prediction with neighbouring windows of one class as one segment, of their mean probabilities."""
        numbers = self.judge.numbers(self.heard.logits)
        return self.judge.prediction(self.heard.runs(numbers), whole=self.heard.whole())

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

    def numbers(self, logits: np.ndarray) -> np.ndarray:
        """Return the numbers of the classes that are answered, `(clips,)` int64, for logits `(clips, classes)`."""
        return self.decision.classes(_predictions(logits))

    def prediction(self, heard: Heard, whole: np.ndarray | None = None) -> Prediction:
        """Return the answer for a recording, whose logits `(1, classes)` are by default those of its windows."""
        ((name, sure, confidence, probabilities),) = self._answers(heard.whole() if whole is None else whole)
        return Prediction(name, sure, confidence, probabilities, self.version, heard, self)

    def segments(self, heard: Heard) -> list[Segment]:
        """Return the answers for windows that have a place in time."""
        if not heard.end_s.any():
            return []
        answers = self._answers(heard.logits)
        rows = zip(heard.start_s.tolist(), heard.end_s.tolist(), answers, strict=True)
        return [Segment(start_s, end_s, *answer) for start_s, end_s, answer in rows]

    def _answers(self, logits: np.ndarray) -> Iterator[tuple[str, bool, float, dict[str, float]]]:
        predictions = _predictions(logits)
        confidence = self.decision.confidence(predictions)
        limit = self.decision.limit
        sure = np.ones(len(confidence), bool) if limit is None else confidence > limit
        rows: Sequence[Sequence[float]] = predictions.probabilities.tolist()
        for number, certain, share, row in zip(
            self.decision.classes(predictions).tolist(), sure.tolist(), confidence.tolist(), rows, strict=True
        ):
            yield self.classes[number], certain, share, dict(zip(self.classes, row, strict=True))


def softmax_of(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities of logits, `(clips, classes)` float64."""
    return _predictions(logits).probabilities


def _predictions(logits: np.ndarray) -> Predictions:
    unknown = np.full(len(logits), -1)
    return Predictions(unknown, unknown, logits)


def _described(answer: Segment | Prediction) -> dict[str, Any]:
    probabilities = {name: _short(share) for name, share in answer.probabilities.items()}
    confidence = _short(answer.confidence)
    return {"class": answer.class_name, "sure": answer.sure, "confidence": confidence, "probabilities": probabilities}


def _short(share: float) -> float:
    """Return a number with seven significant digits, which are more than float32 has."""
    return float(f"{share:.7g}")
