"""Evaluation of a run: all numbers of its predictions for test clips, and what the model decides by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.evaluation.abstention import not_sure
from training.evaluation.calibration import calibration
from training.evaluation.decision import Decision, choose_decision
from training.evaluation.detection import BEST, EVEN, Detection, detect, detect_across
from training.evaluation.distributions import distributions, terciles
from training.evaluation.intervals import ScoredClips, score_intervals
from training.evaluation.label_evaluation import label_summary
from training.evaluation.label_scores import score_labels
from training.evaluation.predictions import Predictions
from training.evaluation.scores import Scores, losses, score


@dataclass(frozen=True)
class Evaluation:
    """Evaluation of a run on its test clips.

    Attributes
    ----------
    clips : ScoredClips
    decision : Decision
    scores : Scores
    detection : Detection or None
        Of a run that detects one of two classes.
    summary : dict
        Numbers by name, as metrics.json has them.
    """

    clips: ScoredClips
    decision: Decision
    scores: Scores
    detection: Detection | None
    summary: dict[str, Any]


def evaluate(
    tested: Predictions,
    validated: Predictions | None,
    *,
    classes: Sequence[str],
    positive: int | None,
    groups: np.ndarray,
    train_labels: np.ndarray,
    sure_accuracy: float,
) -> Evaluation:
    """Return the evaluation of test clips, with a decision that is chosen on clips that validate.

    Parameters
    ----------
    tested, validated : Predictions
        Of whole recordings; None where no clip validates.
    classes : sequence of str
    positive : int or None
        Number of the class that is detected, of two.
    groups : array of int64, shape (rows,)
        Number of the group of each row of the store.
    train_labels : array, shape (training clips, …)
    sure_accuracy : float
        Wanted accuracy of the answers that are sure.
    """
    labels = len(classes) if tested.task.several else None
    decision = choose_decision(validated, positive, sure_accuracy, labels)
    decided = decision.classes(tested)
    clips = ScoredClips(tested, decided, groups[tested.rows], positive)
    if labels is not None:
        scores = score_labels(tested, list(classes), decided)
        return Evaluation(clips, decision, scores, None, label_summary(clips, scores, decision, validated, classes))
    scores = score(tested, list(classes), decided)
    detection = _detection(clips, decision, validated)
    calibrated = None if decision.temperature is None else decision.calibrated(tested)
    summary = {
        **scores.summary,
        **({} if detection is None else detection.summary),
        **({} if validated is None else _validation(validated, positive, groups, classes)),
        "intervals": score_intervals(clips),
        **certainty(clips),
        "calibration": {"temperature": decision.temperature} | calibration(tested, calibrated),
        "not_sure": not_sure(decision.confidence(tested), decided == tested.labels, decision.limit),
        "baseline": _baseline(tested.labels, train_labels, classes),
        "untested": scores.untested,
        "per_class": scores.per_class,
        "confusion": scores.confusion.tolist(),
    }
    return Evaluation(clips, decision, scores, detection, summary)


def certainty(clips: ScoredClips) -> dict[str, Any]:
    """Return `distributions` and `terciles` as metrics.json has them; of probabilities without a temperature."""
    probabilities, right = clips.predictions.probabilities, clips.right
    return {
        "distributions": distributions(probabilities, right),
        "terciles": terciles(probabilities.max(axis=1), right),
    }


def _detection(clips: ScoredClips, decision: Decision, validated: Predictions | None) -> Detection | None:
    """Return the scores of the positive class, if one of two is detected."""
    if decision.positive is None or decision.threshold is None:
        return None
    tested = clips.predictions
    probabilities = tested.probabilities[:, decision.positive]
    demand = EVEN if validated is None else BEST
    return detect(probabilities, tested.labels == decision.positive, decision.threshold, demand)


def _validation(
    validated: Predictions, positive: int | None, groups: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """Return accuracy and loss of validation clips, and the classes among theirs that no clip is predicted as.

    A detector's are by thresholds that were not chosen on the same clips.
    """
    decided = validated.likeliest
    if positive is not None:
        truth, shares = validated.labels == positive, validated.probabilities[:, positive]
        detected = detect_across(shares, truth, groups[validated.rows])
        decided = np.where(detected, positive, 1 - positive)
    accuracy, loss = np.mean(decided == validated.labels), np.mean(losses(validated))
    unpredicted = np.setdiff1d(validated.labels, decided)
    return {
        "validation_accuracy": float(accuracy),
        "validation_loss": float(loss),
        "unpredicted": [classes[number] for number in unpredicted],
    }


def _baseline(labels: np.ndarray, train_labels: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Return the accuracy of answering every test clip with the most frequent class of the training clips."""
    most = int(np.bincount(train_labels).argmax())
    return {"class": classes[most], "accuracy": float(np.mean(labels == most))}
