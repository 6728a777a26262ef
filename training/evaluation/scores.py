"""Scores of predictions: over all clips, and for each class."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

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


def score_confusion(confusion: np.ndarray, classes: list[str]) -> list[dict[str, Any]]:
    """Return `Scores.per_class` of `(true, predicted)` counts, such as the sum over folds."""
    hits = np.diag(confusion)
    clips, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    columns = {"precision": hits / np.maximum(predicted, 1), "recall": hits / np.maximum(clips, 1)}
    columns["f1"] = 2 * hits / np.maximum(predicted + clips, 1)
    return [
        {"class": name, **{metric: float(columns[metric][number]) for metric in METRICS}, "clips": int(clips[number])}
        for number, name in enumerate(classes)
    ]


def score(predictions: Predictions, classes: list[str], decided: np.ndarray | None = None) -> Scores:
    """Return accuracy, top-5 accuracy and cross-entropy; precision, recall and F1 per class, and their means over the
    classes that clips are of: what was never tested has no score.

    `decided` `(clips,)` are the classes that count as predicted, where those are not the likeliest.
    """
    logits, labels, count = predictions.logits, predictions.labels, len(classes)
    predicted = logits.argmax(axis=1) if decided is None else decided
    confusion = np.bincount(labels * count + predicted, minlength=count * count).reshape(count, count)
    likeliest = np.argsort(-logits, axis=1, kind="stable")[:, :5]
    per_class = score_confusion(confusion, classes)
    summary = {
        "accuracy": float(np.mean(predicted == labels)),
        "top5_accuracy": float(np.mean((likeliest == labels[:, None]).any(axis=1))),
        **{f"macro_{name}": float(np.mean([row[name] for row in per_class if row["clips"]])) for name in METRICS},
        "loss": float(F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels))),
    }
    return Scores(summary, per_class, confusion, predicted)
