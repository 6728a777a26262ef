"""Scores of two classes of which one is to be detected, at one threshold and at all."""

from dataclasses import dataclass

import numpy as np
import torch

from training.evaluation.predictions import Predictions

LOW_FPR = 0.1  # up to here the partial area is taken
BEST, EVEN = "best F1 on validation", "more likely than not, since no clip validates"  # demands on a threshold
OPERATING_FPR, OPERATING_RECALL = 0.01, 0.95


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold that meets a demand, with the recall and the false-positive rate that it gives."""

    demand: str
    threshold: float
    recall: float
    fpr: float


@dataclass(frozen=True)
class Detection:
    """Scores of detection at one threshold, in `summary` as metrics.json has them, and curves over all thresholds.

    Each point of the curves is an element of the arrays.
    """

    summary: dict[str, float]
    points: list[OperatingPoint]  # the first is the threshold in `summary`
    fpr: np.ndarray
    recall: np.ndarray
    thresholds: np.ndarray
    precision: np.ndarray  # NaN where nothing is detected


def probabilities(predictions: Predictions, positive: int) -> np.ndarray:
    """Return the probabilities of the positive class, `(clips,)` float64."""
    logits = torch.from_numpy(predictions.logits).double()
    return logits.softmax(dim=1)[:, positive].numpy()


def choose_threshold(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the threshold with the best F1, halfway to the next lower probability.

    Parameters
    ----------
    scores : array of float, shape (clips,)
        Probabilities of the positive class, of validation clips.
    truth : array of bool, shape (clips,)
    """
    thresholds, hits, alarms = _counts(scores, truth)
    f1 = 2 * hits / (hits + alarms + truth.sum())
    best = np.flatnonzero(f1 == f1.max())[-1]
    lower = scores[scores < thresholds[best]]
    return float((thresholds[best] + lower.max()) / 2 if len(lower) else thresholds[best])


def detect(scores: np.ndarray, truth: np.ndarray, threshold: float, demand: str = BEST) -> Detection:
    """Return the scores of test clips, which took part in nothing; `scores` and `truth` as in `choose_threshold`.

    `demand` names the one by which the threshold was chosen.

    `pauc` is the area under the ROC curve up to a false-positive rate of 0.1, standardised so that chance is 0.5
    (McClish 1989).
    """
    thresholds, hits, alarms = _counts(scores, truth)
    positives, negatives = truth.sum(), (~truth).sum()
    precision = np.append(np.nan, hits / (hits + alarms))
    recall, fpr = (np.append(0, part) / max(1, count) for part, count in ((hits, positives), (alarms, negatives)))
    thresholds = np.append(np.inf, thresholds)
    called = scores >= threshold
    summary = {
        "roc_auc": float(np.trapezoid(recall, fpr)),
        "pauc": _partial_area(fpr, recall),
        "pr_auc": float(np.diff(recall) @ precision[1:]),
        "threshold": threshold,
        "precision": _share(called & truth, called),
        "recall": _share(called & truth, truth),
        "f1": 2 * int((called & truth).sum()) / max(1, int(called.sum() + positives)),
    }
    few = np.flatnonzero(fpr <= OPERATING_FPR)[-1]
    most = np.flatnonzero(recall >= OPERATING_RECALL)[0]
    points = [OperatingPoint(demand, threshold, summary["recall"], _share(called & ~truth, ~truth))] + [
        OperatingPoint(limit, float(thresholds[place]), float(recall[place]), float(fpr[place]))
        for limit, place in (
            (f"false-positive rate of at most {OPERATING_FPR:g}", few),
            (f"recall of at least {OPERATING_RECALL:g}", most),
        )
    ]
    return Detection(summary, points, fpr, recall, thresholds, precision)


def _counts(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all different scores as thresholds, from the highest down, and the hits and false alarms from each on."""
    order = np.argsort(-scores, kind="stable")
    scores = scores[order]
    last = np.flatnonzero(np.append(scores[1:] < scores[:-1], True))  # of the clips with one score
    hits = np.cumsum(truth[order])[last]
    return scores[last], hits, last + 1 - hits


def _partial_area(fpr: np.ndarray, recall: np.ndarray) -> float:
    """Return the standardised area up to `LOW_FPR`."""
    inside = np.searchsorted(fpr, LOW_FPR, side="right")
    area = np.trapezoid(np.append(recall[:inside], np.interp(LOW_FPR, fpr, recall)), np.append(fpr[:inside], LOW_FPR))
    chance = LOW_FPR**2 / 2
    return float((1 + (area - chance) / (LOW_FPR - chance)) / 2)


def _share(part: np.ndarray, total: np.ndarray) -> float:
    return int(part.sum()) / max(1, int(total.sum()))
