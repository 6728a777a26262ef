"""A baseline for networks: multinomial logistic regression on the means and standard deviations of a clip's rows."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from training.evaluation.differences import APART, differences, resampled_run
from training.evaluation.intervals import ScoredClips
from training.evaluation.one_vs_rest import fit_one_vs_rest
from training.evaluation.predictions import Predictions
from training.evaluation.scores import losses
from training.tasks import MULTICLASS, Task

C_VALUES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)  # inverse strengths of the regularisation, the strongest first
UNVALIDATED_C = 0.1  # where no clip validates
ITERATIONS = 1000
MOST_CLIPS = 10_000  # that are learned from: with 1024 numbers each a minute for all values of C
SCORES = ("accuracy", "macro_recall", "roc_auc")  # that a network is compared by; the last one of detectors alone
LABEL_SCORES = ("map", "macro_roc_auc", "micro_f1", "accuracy")  # the same, with several labels


class LinearModel(Protocol):
    """Fitted model of scikit-learn."""

    def predict_proba(self, numbers: np.ndarray) -> np.ndarray:
        """Return probabilities `(clips, classes)`."""


def learned_places(labels: np.ndarray) -> np.ndarray:
    """Return the places of the training clips to learn from, ascending: all, or some `MOST_CLIPS` of more.

    The classes keep their shares, and each keeps a clip. `labels` `(clips,)` are the numbers of the classes that all
    training clips count for.
    """
    if len(labels) <= MOST_CLIPS:
        return np.arange(len(labels))
    by_class = np.argsort(labels, kind="stable")
    even = by_class[np.linspace(0, len(labels) - 1, MOST_CLIPS).astype(np.int64)]
    return np.union1d(even, np.unique(labels, return_index=True)[1])


def fit_linear(
    numbers: np.ndarray, labels: np.ndarray, c: float, class_weights: Sequence[Any] | None, task: Task = MULTICLASS
) -> LinearModel:
    """Return the logistic regression on numbers that are standardised by their mean and deviation over these clips.

    It is fitted by one thread, so that equal clips give equal models on one machine.

    Parameters
    ----------
    numbers : array of float, shape (clips, numbers)
    labels : array, shape (clips, …)
        Of every class at least one.
    c : float
        Inverse strength of the regularisation.
    class_weights : sequence or None
        Weights in the loss as the `Objective` of the task has them, whose mean over the clips is 1.
    task : Task, optional
    """
    # A second to import, which reading a report does without.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with threadpool_limits(limits=1, user_api="blas"), warnings.catch_warnings():
        # One that is not at its optimum yet is judged by its validation loss as any other.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if task.several:
            return fit_one_vs_rest(numbers.astype(np.float64), labels, c, ITERATIONS, class_weights)
        weights = None if class_weights is None else dict(enumerate(class_weights))
        model = make_pipeline(StandardScaler(), LogisticRegression(C=c, class_weight=weights, max_iter=ITERATIONS))
        fitted: LinearModel = model.fit(numbers.astype(np.float64), labels)
    return fitted


def linear_predictions(
    model: LinearModel, rows: np.ndarray, labels: np.ndarray, numbers: np.ndarray, task: Task = MULTICLASS
) -> Predictions:
    """Return the predictions for clips `(clips,)` by their numbers `(clips, numbers)`."""
    with threadpool_limits(limits=1, user_api="blas"):
        return Predictions(rows, labels, task.logits(model.predict_proba(numbers)), task)


def choose_linear(
    fit: Callable[[float], LinearModel], validated: Callable[[LinearModel], Predictions] | None
) -> tuple[float, LinearModel]:
    """Return the value of `C_VALUES` with the lowest cross-entropy on validation clips, of several the first, and its
    model.

    Parameters
    ----------
    fit : callable
        Return the model of a value.
    validated : callable or None
        Return the predictions of a model for validation clips. Where none validates it is None, and the value is
        `UNVALIDATED_C`.
    """
    if validated is None:
        return UNVALIDATED_C, fit(UNVALIDATED_C)
    models = [fit(c) for c in C_VALUES]
    best = int(np.argmin([losses(validated(model)).mean() for model in models]))
    return C_VALUES[best], models[best]


def compared_scores(scores: Mapping[str, Any]) -> list[str]:
    """Return the names of the scores that a run is compared by, of those that it has."""
    return [name for name in (LABEL_SCORES if "map" in scores else SCORES) if name in scores]


def beside(networks: Sequence[ScoredClips], baselines: Sequence[ScoredClips]) -> dict[str, Any]:
    """Return the scores of a baseline and the differences of a network to it, as metrics.json has them.

    Both have one element a fold, of the same clips in the same order; one element without folds. A difference is the
    network's score minus that of the baseline. `difference_intervals` is empty where a fold has one group only.
    """
    network, baseline = resampled_run(networks), resampled_run(baselines)
    between = differences(network, baseline)
    scores = compared_scores(network.observed)
    return {
        **{name: baseline.observed[name] for name in scores},
        "differences": {name: network.observed[name] - baseline.observed[name] for name in scores},
        "difference_intervals": {name: [between[name].low, between[name].high] for name in scores if name in between},
        "verdicts": {name: between[name].verdict if name in between else APART for name in scores},
    }
