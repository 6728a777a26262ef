"""Numbers of a run whose clips have several labels, as metrics.json has them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.evaluation.calibration import calibration_error, reliability
from training.evaluation.decision import Decision
from training.evaluation.intervals import ScoredClips, score_intervals
from training.evaluation.label_scorer import AVERAGE_PRECISION
from training.evaluation.label_scores import label_areas, mean_over
from training.evaluation.predictions import Predictions
from training.evaluation.scores import Scores, losses


def label_summary(
    clips: ScoredClips, scores: Scores, decision: Decision, validated: Predictions | None, classes: Sequence[str]
) -> dict[str, Any]:
    """Return the numbers of the test clips by name.

    There is neither a temperature nor a limit of doubt, which are of the one class of a clip.

    Parameters
    ----------
    clips : ScoredClips
    scores : Scores
        As `score_labels` returns them.
    decision : Decision
    validated : Predictions or None
    classes : sequence of str
    """
    assert decision.thresholds is not None
    intervals = score_intervals(clips)
    of_labels = [intervals.pop(AVERAGE_PRECISION.format(number), None) for number in range(len(classes))]
    per_class = [
        row | {"threshold": threshold, "average_precision_interval": interval}
        for row, threshold, interval in zip(scores.per_class, decision.thresholds, of_labels, strict=True)
    ]
    return {
        "task": "multilabel",
        **scores.summary,
        **({} if validated is None else _validation(validated)),
        "thresholds": dict(zip(classes, decision.thresholds, strict=True)),
        "label_cardinality": label_cardinality(clips),
        "intervals": intervals,
        "calibration": {"temperature": None} | label_calibration(clips.predictions),
        "baseline": {"map": chance_map(clips.predictions.labels)},
        "untested": scores.untested,
        "per_class": per_class,
        "label_confusion": scores.confusion.tolist(),
    }


def label_cardinality(clips: ScoredClips) -> dict[str, float]:
    """Return the mean number of labels of a clip, in `truth` and as they are `answered`."""
    parts = {"truth": clips.predictions.labels, "answered": clips.decided}
    return {name: float(labels.sum(axis=1).mean()) for name, labels in parts.items()}


def label_calibration(predictions: Predictions) -> dict[str, Any]:
    """Return the expected calibration error of all probabilities together (`ece`), the mean over labels of that of
    each (`classwise_ece`), and the points of the reliability diagram of all.
    """
    probabilities, truth = predictions.probabilities, predictions.labels
    by_label = [calibration_error(shares, present) for shares, present in zip(probabilities.T, truth.T, strict=True)]
    return {
        "ece": calibration_error(probabilities.ravel(), truth.ravel()),
        "classwise_ece": float(np.mean(by_label)),
        "reliability": reliability(probabilities.ravel(), truth.ravel()),
    }


def chance_map(truth: np.ndarray) -> float:
    """Return the mAP of answers at random: the mean share of the clips that have a label, of labels that any has."""
    shares = truth.mean(axis=0)
    return float(mean_over(shares, shares > 0))


def _validation(validated: Predictions) -> dict[str, float]:
    """Return loss and mAP of validation clips, which need no threshold."""
    precisions = label_areas(validated.probabilities, validated.labels)["average_precision"]
    mean = float(mean_over(precisions, np.isfinite(precisions)))
    scores = {"validation_loss": float(np.mean(losses(validated)))}
    return scores if np.isnan(mean) else scores | {"validation_map": mean}
