"""Logistic regression of several labels: one model for each label, against the clips without it."""

from collections.abc import Sequence
from typing import Any

import numpy as np


class OneVsRest:
    """Logistic regressions on the same standardised numbers.

    Parameters
    ----------
    scaler : StandardScaler
    models : sequence of LogisticRegression
        One for each label; None for a label that every clip has, or none.
    shares : array of float, shape (labels,)
        Shares of the clips that have each label.
    """

    def __init__(self, scaler: Any, models: Sequence[Any | None], shares: np.ndarray) -> None:
        self._scaler, self._models, self._shares = scaler, models, shares

    def predict_proba(self, numbers: np.ndarray) -> np.ndarray:
        """Return probabilities `(clips, labels)`; they do not add up to 1."""
        scaled = self._scaler.transform(numbers)
        columns = [
            np.full(len(scaled), share) if model is None else model.predict_proba(scaled)[:, 1]
            for model, share in zip(self._models, self._shares, strict=True)
        ]
        return np.stack(columns, axis=1)


def fit_one_vs_rest(numbers: np.ndarray, labels: np.ndarray, c: float, iterations: int, weights: Any) -> OneVsRest:
    """Return the regressions on numbers `(clips, numbers)` float64.

    Parameters
    ----------
    numbers : array of float64, shape (clips, numbers)
    labels : array of bool, shape (clips, labels)
    c : float
        Inverse strength of the regularisation.
    iterations : int
        Most that each takes.
    weights : array of float, shape (2, labels), or None
        In the loss, of clips without each label and of those with it.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(numbers)
    scaled, shares = scaler.transform(numbers), labels.mean(axis=0)
    models: list[Any | None] = []
    for number, present in enumerate(labels.T):
        weight = None if weights is None else {False: weights[0][number], True: weights[1][number]}
        model = LogisticRegression(C=c, class_weight=weight, max_iter=iterations)
        models.append(model.fit(scaled, present) if 0 < shares[number] < 1 else None)
    return OneVsRest(scaler, models, shares)
