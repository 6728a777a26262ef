"""Areas under the curves of detection, for one set of clips or for many resamples at once."""

import numpy as np

LOW_FPR = 0.1  # up to here the partial area is taken


def threshold_order(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the order of clips from the highest score down, and the place in it of the last clip with each score."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    return order, np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True))


def detection_areas(hits: np.ndarray, alarms: np.ndarray) -> dict[str, np.ndarray]:
    """Return ROC-AUC, partial AUC and PR-AUC by their names in metrics.json, `(…)`; NaN without clips of both classes.

    Parameters
    ----------
    hits, alarms : array of int or float, shape (thresholds, …)
        Positive and negative clips at each threshold and above, or sums of their weights, from the highest threshold
        down to one that all clips reach.

    The partial area is that up to a false-positive rate of 0.1, standardised so that chance is 0.5 (McClish 1989). The
    area under precision and recall is the average precision, a sum of steps.
    """
    return {
        "roc_auc": roc_area(hits, alarms),
        "pauc": _partial_area(_rates(alarms), _rates(hits)),
        "pr_auc": average_precision(hits, alarms),
    }


def roc_area(hits: np.ndarray, alarms: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve, parameters and missing classes as in `detection_areas`."""
    area: np.ndarray = np.trapezoid(_rates(hits), _rates(alarms), axis=0)
    return area


def average_precision(hits: np.ndarray, alarms: np.ndarray) -> np.ndarray:
    """Return the average precision; NaN without positive clips. Parameters as in `detection_areas`."""
    precision = hits / np.maximum(hits + alarms, np.finfo(np.float64).tiny)
    area: np.ndarray = np.einsum("t...,t...->...", np.diff(_rates(hits), axis=0), precision)
    return area


def _rates(counts: np.ndarray) -> np.ndarray:
    """Return shares of the last count, `(thresholds + 1, …)`, from 0 on; NaN where that is 0."""
    total = np.where(counts[-1] > 0, counts[-1], np.nan)
    rates = np.zeros((len(counts) + 1, *counts.shape[1:]))
    np.divide(counts, total, out=rates[1:])
    return rates


def _partial_area(fpr: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """Return the standardised area up to `LOW_FPR`."""
    beyond = np.clip((fpr <= LOW_FPR).sum(axis=0), 1, len(fpr) - 1)[None]  # the first point past the limit
    x0, x1 = (np.take_along_axis(fpr, place, axis=0)[0] for place in (beyond - 1, beyond))
    y0, y1 = (np.take_along_axis(recall, place, axis=0)[0] for place in (beyond - 1, beyond))
    at_limit = y0 + (y1 - y0) * (LOW_FPR - x0) / (x1 - x0)
    area = np.trapezoid(recall, np.minimum(fpr, LOW_FPR), axis=0) - (y1 - at_limit) / 2 * (LOW_FPR - x0)
    chance = LOW_FPR**2 / 2
    return (1 + (area - chance) / (LOW_FPR - chance)) / 2
