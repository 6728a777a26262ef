"""Scores of a trained network, in float32 on features as the store holds them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_confusion_matrix,
)

from training.normalise import features_for
from training.stream import ClipStream

METRICS = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Predictions:
    """Of each clip of one side: `rows` of the store, `labels`, and `logits` `(clips, classes)` float32."""

    rows: np.ndarray
    labels: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True)
class Scores:
    """`summary` goes into metrics.json; `per_class` has one dictionary a class; `confusion` is
    `(true, predicted)` counts; `decided` `(clips,)` are the classes that count as predicted."""

    summary: dict[str, float]
    per_class: list[dict[str, Any]]
    confusion: np.ndarray
    decided: np.ndarray

    @property
    def untested(self) -> list[str]:
        """Names of the classes that no clip is of; the macro means leave them out."""
        return [str(row["class"]) for row in self.per_class if not row["clips"]]


def score_confusion(confusion: np.ndarray, classes: list[str]) -> list[dict[str, Any]]:
    """`Scores.per_class` of `(true, predicted)` counts, such as the sum over folds."""
    hits = np.diag(confusion)
    clips, found = confusion.sum(axis=1), confusion.sum(axis=0)
    columns = {"precision": hits / np.maximum(found, 1), "recall": hits / np.maximum(clips, 1)}
    columns["f1"] = 2 * hits / np.maximum(found + clips, 1)
    return [
        {"class": name, **{metric: float(columns[metric][number]) for metric in METRICS}, "clips": int(clips[number])}
        for number, name in enumerate(classes)
    ]


def averaged(predictions: Predictions, recordings: Sequence[str]) -> tuple[Predictions, list[str]]:
    """One prediction for all clips of a recording: the mean of their probabilities; and the recordings' names.

    `recordings` `(clips,)` names that of each clip; the row is that of its first clip.
    """
    names, first, number = np.unique(recordings, return_index=True, return_inverse=True)
    if len(names) == len(recordings):
        return predictions, list(recordings)
    shares = torch.from_numpy(predictions.logits).double().softmax(dim=1).numpy()
    sums = np.zeros((len(names), shares.shape[1]))
    np.add.at(sums, number, shares)
    logits = np.log(np.maximum(sums / np.bincount(number)[:, None], np.finfo(np.float64).tiny)).astype(np.float32)
    return Predictions(predictions.rows[first], predictions.labels[first], logits), names.tolist()


@torch.inference_mode()
def predict(network: nn.Module, stream: ClipStream, device: torch.device) -> Predictions:
    """Run the network over a stream in float32, whatever it was trained in."""
    network = network.to(device).eval()
    parts: dict[str, list[np.ndarray]] = {"row": [], "label": [], "logits": []}
    for batch in stream:
        there = {name: batch[name].to(device) for name in batch if name in ("features", "statistics")}
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):  # TF32 keeps 10 bits
            logits = network(features_for(network, there).float())
        parts["logits"].append(logits.cpu().numpy())
        for name in ("row", "label"):
            parts[name].append(batch[name].numpy())
    rows, labels, logits = (np.concatenate(parts[name]) for name in ("row", "label", "logits"))
    return Predictions(rows, labels, logits)


def score(predictions: Predictions, classes: list[str], decided: np.ndarray | None = None) -> Scores:
    """Return accuracy, top-5 accuracy and cross-entropy; precision, recall and F1 per class, and their means over the
    classes that clips are of: what was never tested has no score.

    `decided` `(clips,)` are the classes that count as predicted, where those are not the likeliest.
    """
    logits = torch.from_numpy(predictions.logits)
    labels = torch.from_numpy(predictions.labels)
    chosen = logits.argmax(dim=1) if decided is None else torch.from_numpy(decided)
    count = len(classes)
    top = min(5, count)
    confusion = multiclass_confusion_matrix(chosen, labels, count).numpy()
    per_class = score_confusion(confusion, classes)
    summary = {
        "accuracy": float(multiclass_accuracy(chosen, labels, count, average="micro")),
        "top5_accuracy": float(multiclass_accuracy(logits, labels, count, average="micro", top_k=top)),
        **{f"macro_{name}": float(np.mean([row[name] for row in per_class if row["clips"]])) for name in METRICS},
        "loss": float(F.cross_entropy(logits, labels)),
    }
    return Scores(summary, per_class, confusion, chosen.numpy())
