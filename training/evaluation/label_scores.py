"""Scores of several labels a clip: of each label by itself, and over all of them."""

from typing import Any

import numpy as np

from training.evaluation.areas import average_precision, roc_area, threshold_order
from training.evaluation.predictions import Predictions
from training.evaluation.scores import METRICS, Scores, class_scores, losses

AREAS = ("average_precision", "roc_auc")


def label_areas(probabilities: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Return average precision and ROC-AUC of each label by name, `(classes,)`.

    A label that no clip has is NaN in both; one that every clip has, in ROC-AUC.

    Parameters
    ----------
    probabilities : array of float64, shape (clips, classes)
    truth : array of bool, shape (clips, classes)
    """
    areas = np.full((len(AREAS), truth.shape[1]), np.nan)
    for number, (shares, present) in enumerate(zip(probabilities.T, truth.T, strict=True)):
        order, last = threshold_order(shares)
        hits = np.cumsum(present[order])[last]
        alarms = last + 1 - hits
        areas[:, number] = average_precision(hits, alarms), roc_area(hits, alarms)
    return dict(zip(AREAS, areas, strict=True))


def mean_over(values: np.ndarray, tested: np.ndarray) -> np.ndarray:
    """Return the mean of values `(classes, …)` over those that are `tested`; NaN where none is."""
    count = tested.sum(axis=0)
    sums = np.where(tested, values, 0.0).sum(axis=0)
    return np.divide(sums, count, out=np.full(np.shape(sums), np.nan), where=count > 0)


def overall_scores(
    hits: np.ndarray, answered: np.ndarray, present: np.ndarray, areas: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the means over labels by their names in metrics.json, `(…)`: of those that any clip has.

    Parameters
    ----------
    hits, answered, present : array, shape (classes, …)
        Clips for which each label is rightly answered, those for which it is answered, and those that have it; or sums
        of their weights.
    areas : dict of array, shape (classes, …)
        As `label_areas` returns them.
    """
    tested = present > 0
    scores = {
        "map": mean_over(areas["average_precision"], tested),
        "macro_roc_auc": mean_over(areas["roc_auc"], np.isfinite(areas["roc_auc"])),
    }
    per_class = class_scores(hits, answered, present)
    pooled = class_scores(*(part.sum(axis=0) for part in (hits, answered, present)))
    scores |= {f"macro_{name}": mean_over(per_class[name], tested) for name in METRICS}
    return scores | {f"micro_{name}": pooled[name] for name in METRICS}


def score_labels(predictions: Predictions, classes: list[str], decided: np.ndarray) -> Scores:
    """Return the scores of answers of several labels.

    `summary` has mAP, macro ROC-AUC, micro and macro precision, recall and F1, the share of clips whose labels are all
    right as `accuracy`, and the binary cross-entropy as `loss`. `per_class` has the areas too, None where a label is
    not tested. `confusion` has on its diagonal the clips for which a label is rightly answered, and elsewhere those
    that have the label of the row, and for which that of the column is wrongly answered.

    Parameters
    ----------
    predictions : Predictions
    classes : list of str
    decided : array of bool, shape (clips, classes)
    """
    truth = predictions.labels
    areas = label_areas(predictions.probabilities, truth)
    hits, answered, present = (part.sum(axis=0) for part in (decided & truth, decided, truth))
    columns = class_scores(hits, answered, present)
    per_class: list[dict[str, Any]] = [
        {
            "class": name,
            **{area: _number(areas[area][number]) for area in AREAS},
            **{metric: float(columns[metric][number]) for metric in METRICS},
            "clips": int(present[number]),
        }
        for number, name in enumerate(classes)
    ]
    overall = overall_scores(hits, answered, present, areas)
    summary = {name: float(value) for name, value in overall.items() if np.isfinite(value)}
    summary |= {"accuracy": float(np.mean(predictions.right(decided))), "loss": float(np.mean(losses(predictions)))}
    confusion = truth.astype(np.int64).T @ (decided & ~truth).astype(np.int64)
    np.fill_diagonal(confusion, hits)
    return Scores(summary, per_class, confusion, decided)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
