"""Numbers of runs that were tested on one fold each, together."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from training.evaluation.calibration import calibration
from training.evaluation.evaluate import Evaluation, certainty
from training.evaluation.intervals import ScoredClips, mean_intervals
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
    classes, confusion = results[0]["classes"], np.sum([result["confusion"] for result in results], axis=0)
    per_class = score_confusion(confusion, classes)
    runs = [evaluation.clips for evaluation in evaluations]
    decisions = [evaluation.decision for evaluation in evaluations]
    calibrated = None
    if all(decision.temperature is not None for decision in decisions):
        parts = [decision.calibrated(run.predictions) for decision, run in zip(decisions, runs, strict=True)]
        calibrated = _joined(parts)
    clips = ScoredClips(
        _joined([run.predictions for run in runs]),
        np.concatenate([run.decided for run in runs]),
        np.concatenate([run.groups for run in runs]),
    )
    return {
        "folds": list(folds),
        "mean": _of_numbers(results, np.mean),
        "sd": _of_numbers(results, np.std),
        "classes": classes,
        "store": results[0]["store"],
        "intervals": mean_intervals(runs),
        **certainty(clips),
        "calibration": calibration(clips.predictions, calibrated),
        "untested": [row["class"] for row in per_class if not row["clips"]],
        "per_class": per_class,
        "confusion": confusion.tolist(),
    }


def _joined(parts: Sequence[Predictions]) -> Predictions:
    columns = zip(*((part.rows, part.labels, part.logits) for part in parts), strict=True)
    return Predictions(*(np.concatenate(column) for column in columns))


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
