"""Scores of predictions: over all clips, and for each class."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.evaluation.predictions import Predictions

METRICS = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Scores:
    """Scores of the predictions for one side.

    Attributes
    ----------
    summary : dict
        Scores by name, as metrics.json has them.
    per_class : list of dict
        One a class.
    confusion : array of int, shape (true classes, predicted classes)
        Clips.
    decided : array of int64, shape (clips,)
        Classes that count as predicted.
    """

    summary: dict[str, float]
    per_class: list[dict[str, Any]]
    confusion: np.ndarray
    decided: np.ndarray

    @property
    def untested(self) -> list[str]:
        """Return the names of the classes without a clip, which the macro means leave out."""
        return [str(row["class"]) for row in self.per_class if not row["clips"]]


def class_scores(hits: np.ndarray, predicted: np.ndarray, clips: np.ndarray) -> dict[str, np.ndarray]:
    """Return precision, recall and F1 by name, 0 where nothing was predicted or is there.

    Parameters
    ----------
    hits, predicted, clips : array of int or float, shape (classes, …)
        For each class its clips that are predicted as such, all clips that are predicted as such, and its clips; or
        sums of their weights, none of which lies between 0 and 1.
    """
    return {
        "precision": hits / np.maximum(predicted, 1),
        "recall": hits / np.maximum(clips, 1),
        "f1": 2 * hits / np.maximum(predicted + clips, 1),
    }


def among_likeliest(predictions: Predictions, count: int = 5) -> np.ndarray:
    """Return True for clips whose class is among the `count` likeliest, `(clips,)` bool."""
    likeliest = np.argsort(-predictions.logits, axis=1, kind="stable")[:, :count]
    return (likeliest == predictions.labels[:, None]).any(axis=1)


def losses(predictions: Predictions) -> np.ndarray:
    """Return the loss of each clip in nats, `(clips,)` float64."""
    return predictions.task.losses(predictions.logits, predictions.labels)


def score_confusion(confusion: np.ndarray, classes: list[str]) -> list[dict[str, Any]]:
    """Return `Scores.per_class` of `(true, predicted)` counts, such as the sum over folds."""
    clips = confusion.sum(axis=1)
    columns = class_scores(np.diag(confusion), confusion.sum(axis=0), clips)
    return [
        {"class": name, **{metric: float(columns[metric][number]) for metric in METRICS}, "clips": int(clips[number])}
        for number, name in enumerate(classes)
    ]


def score(predictions: Predictions, classes: list[str], decided: np.ndarray | None = None) -> Scores:
    """Return accuracy, top-5 accuracy and cross-entropy; precision, recall and F1 per class, and their means over the
    classes that clips are of: what was never tested has no score.

    `decided` `(clips,)` are the classes that count as predicted, where those are not the likeliest.
    """
    labels, count = predictions.labels, len(classes)
    predicted = predictions.likeliest if decided is None else decided
    confusion = np.bincount(labels * count + predicted, minlength=count * count).reshape(count, count)
    per_class = score_confusion(confusion, classes)
    summary = {
        "accuracy": float(np.mean(predicted == labels)),
        "top5_accuracy": float(np.mean(among_likeliest(predictions))),
        **{f"macro_{name}": float(np.mean([row[name] for row in per_class if row["clips"]])) for name in METRICS},
        "loss": float(np.mean(losses(predictions))),
    }
    return Scores(summary, per_class, confusion, predicted)
