"""Sliders of reports that show what a limit would give on the test clips."""

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from training.report.page import embedded, render

if TYPE_CHECKING:  # it imports torch, which a comparison does without
    from training.evaluation.detection import Detection

PLACES = 500  # of a slider; between them a page shows the next lower


def threshold_explorer(detection: "Detection", positives: int, negatives: int) -> Markup:
    """Return a slider over the threshold of a detector, with the scores and the clips that it gives."""
    limits = np.linspace(0, 1, PLACES)
    # Thresholds fall; of those that are no lower than a limit the last detects what the limit does.
    place = np.searchsorted(-detection.thresholds, -limits, side="right") - 1
    hits = np.rint(detection.recall[place] * positives).astype(int)
    alarms = np.rint(detection.fpr[place] * negatives).astype(int)
    called = hits + alarms
    columns = {
        "recall": hits / max(1, positives),
        "precision": np.where(called, hits / np.maximum(called, 1), np.nan),
        "F1": 2 * hits / np.maximum(called + positives, 1),
        "false-positive rate": alarms / max(1, negatives),
        "detected": hits,
        "missed": positives - hits,
        "false alarms": alarms,
        "rightly passed": negatives - alarms,
    }
    return _explorer("threshold", detection.summary["threshold"], limits, columns)


def sureness_explorer(confidence: np.ndarray, right: np.ndarray, limit: float | None) -> Markup:
    """Return a slider over the confidence above which an answer is sure, with coverage and accuracy.

    Parameters
    ----------
    confidence : array of float, shape (clips,)
        Calibrated probabilities of the classes that are answered for test clips.
    right : array of bool, shape (clips,)
        True where the answer is right.
    limit : float or None
        The one that was chosen on validation.
    """
    limits = np.linspace(0, 1, PLACES)
    order = np.argsort(confidence)
    first = np.searchsorted(confidence[order], limits, side="right")
    answered = len(confidence) - first
    correct = np.append(np.cumsum(right[order][::-1])[::-1], 0)[first]
    columns = {
        "coverage": answered / max(1, len(confidence)),
        "accuracy of sure answers": np.where(answered, correct / np.maximum(answered, 1), np.nan),
        "sure": answered,
        "right": correct,
        "wrong": answered - correct,
        "not sure": len(confidence) - answered,
    }
    return _explorer("confidence above which the model is sure", limit or 0.0, limits, columns)


def _explorer(label: str, chosen: float, limits: np.ndarray, columns: dict[str, np.ndarray]) -> Markup:
    counted = [name for name, values in columns.items() if values.dtype.kind == "i"]
    numbers = {
        name: [None if np.isnan(value) else round(value, 4) for value in values.tolist()]
        for name, values in columns.items()
    }
    data = embedded({"limits": np.round(limits, 4).tolist(), "columns": numbers})
    return render("explorer", label=label, chosen=f"{chosen:.3f}", columns=columns, counted=counted, data=data)
