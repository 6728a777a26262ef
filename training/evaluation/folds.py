"""Numbers of runs that were tested on one fold each, together."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from training.evaluation.calibration import calibration
from training.evaluation.evaluate import Evaluation, certainty
from training.evaluation.intervals import ScoredClips, mean_intervals
from training.evaluation.label_evaluation import label_calibration, label_cardinality
from training.evaluation.label_scorer import AVERAGE_PRECISION
from training.evaluation.label_scores import AREAS, score_labels
from training.evaluation.predictions import Predictions
from training.evaluation.scores import score_confusion


def fold_metrics(
    folds: Sequence[int], results: Sequence[dict[str, Any]], evaluations: Sequence[Evaluation]
) -> dict[str, Any]:
    """Return what metrics.json holds of all folds together.

    `mean` and `sd` have the mean and the population standard deviation of every number that all runs have, in the
    sections as well. `intervals` are those of the means. Confusion matrix, scores by class, distributions, terciles and
    calibration are of all test clips, each predicted by the model that never saw its fold.

    Parameters
    ----------
    folds : sequence of int
    results : sequence of dict
        Of each fold, as its own metrics.json has them.
    evaluations : sequence of Evaluation
        Of each fold.
    """
    runs = [evaluation.clips for evaluation in evaluations]
    clips = ScoredClips(
        _joined([run.predictions for run in runs]),
        np.concatenate([run.decided for run in runs]),
        np.concatenate([run.groups for run in runs]),
    )
    several = clips.predictions.task.several
    together = _of_labels(results, clips, runs) if several else _of_classes(results, clips, evaluations)
    return {
        "folds": list(folds),
        "mean": _of_numbers(results, np.mean),
        "sd": _of_numbers(results, np.std),
        "classes": results[0]["classes"],
        "store": results[0]["store"],
        **together,
        "untested": [row["class"] for row in together["per_class"] if not row["clips"]],
    }


def _of_classes(
    results: Sequence[dict[str, Any]], clips: ScoredClips, evaluations: Sequence[Evaluation]
) -> dict[str, Any]:
    """Return what is of all test clips together, where each has one class."""
    confusion = np.sum([result["confusion"] for result in results], axis=0)
    calibrated = None
    if all(evaluation.decision.temperature is not None for evaluation in evaluations):
        calibrated = _joined([one.decision.calibrated(one.clips.predictions) for one in evaluations])
    return {
        "intervals": mean_intervals([evaluation.clips for evaluation in evaluations]),
        **certainty(clips),
        "calibration": calibration(clips.predictions, calibrated),
        "per_class": score_confusion(confusion, results[0]["classes"]),
        "confusion": confusion.tolist(),
    }


def _of_labels(results: Sequence[dict[str, Any]], clips: ScoredClips, runs: Sequence[ScoredClips]) -> dict[str, Any]:
    """Return what is of all test clips together, where each has several labels.

    Areas are means over the folds that have them: probabilities of two models are not ranked against each other.
    """
    scores = score_labels(clips.predictions, results[0]["classes"], clips.decided)
    intervals = mean_intervals(runs)
    per_class = []
    for number, row in enumerate(scores.per_class):
        values = {area: [result["per_class"][number][area] for result in results] for area in AREAS}
        defined = {area: [value for value in of_folds if value is not None] for area, of_folds in values.items()}
        means = {area: float(np.mean(of_folds)) if of_folds else None for area, of_folds in defined.items()}
        interval = intervals.pop(AVERAGE_PRECISION.format(number), None)
        per_class.append(row | means | {"threshold": None, "average_precision_interval": interval})
    return {
        "task": "multilabel",
        "test_recordings": len(clips.groups),
        "label_cardinality": label_cardinality(clips),
        "intervals": intervals,
        "calibration": label_calibration(clips.predictions),
        "per_class": per_class,
        "label_confusion": scores.confusion.tolist(),
    }


def _joined(parts: Sequence[Predictions]) -> Predictions:
    columns = zip(*((part.rows, part.labels, part.logits) for part in parts), strict=True)
    rows, labels, logits = (np.concatenate(column) for column in columns)
    return replace(parts[0], rows=rows, labels=labels, logits=logits)


def _of_numbers(results: Sequence[dict[str, Any]], statistic: Callable[[list[float]], Any]) -> dict[str, Any]:
    """Return a statistic of every number that all results have, by its name, also in sections below others."""
    statistics: dict[str, Any] = {}
    for name in results[0]:
        values: list[Any] = [result.get(name) for result in results]
        if all(isinstance(value, int | float) for value in values):
            statistics[name] = float(statistic(values))
        elif all(isinstance(value, dict) for value in values) and (section := _of_numbers(values, statistic)):
            statistics[name] = section
    return statistics
