"""Scores of two classes of which one is to be detected, at one threshold and at all."""

from dataclasses import dataclass

import numpy as np

from training.evaluation.areas import detection_areas, threshold_order

BEST, EVEN = "best F1 on validation", "more likely than not, since no clip validates"  # demands on a threshold
EVEN_THRESHOLD = 0.5
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


def detect_across(scores: np.ndarray, truth: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return True for validation clips that are detected by a threshold chosen on other ones, `(clips,)` bool.

    The threshold of the model is the best one for all clips that validate, so that their accuracy with it is too good.
    Here the groups are halved, each class for itself, and each half is decided by the threshold that is best for the
    other one; by 0.5 where the other one lacks a class.

    Parameters
    ----------
    scores, truth : array, shape (clips,)
        As in `choose_threshold`.
    groups : array of int64, shape (clips,)
    """
    names, number = np.unique(groups, return_inverse=True)
    positive = np.zeros(len(names), bool)
    np.logical_or.at(positive, number, truth)
    half_of = np.empty(len(names), bool)
    half_of[np.argsort(positive, kind="stable")] = np.arange(len(names)) % 2 == 1
    half = half_of[number]
    detected = np.empty(len(scores), bool)
    for side in (half, ~half):
        both = truth[~side].any() and not truth[~side].all()
        detected[side] = scores[side] >= (choose_threshold(scores[~side], truth[~side]) if both else EVEN_THRESHOLD)
    return detected


def detect(scores: np.ndarray, truth: np.ndarray, threshold: float, demand: str = BEST) -> Detection:
    """Return the scores of test clips, which took part in nothing; `scores` and `truth` as in `choose_threshold`.

    `demand` names the one by which the threshold was chosen; `detection_areas` defines the areas.
    """
    thresholds, hits, alarms = _counts(scores, truth)
    areas = detection_areas(hits, alarms)
    positives, negatives = truth.sum(), (~truth).sum()
    precision = np.append(np.nan, hits / (hits + alarms))
    recall, fpr = (np.append(0, part) / max(1, count) for part, count in ((hits, positives), (alarms, negatives)))
    thresholds = np.append(np.inf, thresholds)
    called = scores >= threshold
    summary = {
        **{name: float(area) for name, area in areas.items()},
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
    order, last = threshold_order(scores)
    hits = np.cumsum(truth[order])[last]
    return scores[order[last]], hits, last + 1 - hits


def _share(part: np.ndarray, total: np.ndarray) -> float:
    return int(part.sum()) / max(1, int(total.sum()))
