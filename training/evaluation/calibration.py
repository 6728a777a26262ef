"""Calibration: whether clips of which the network is 80 % sure are right in 80 % of cases, and a temperature for it."""

from dataclasses import replace
from typing import Any

import numpy as np

from training.evaluation.bins import bin_means, equal_mass_bins
from training.evaluation.predictions import Predictions
from training.evaluation.scores import losses

BINS = 15
LIMITS = (0.01, 100.0)  # of a temperature


def fit_temperature(validated: Predictions) -> float:
    """Return the temperature that gives validation clips the lowest cross-entropy; logits are to be divided by it.

    Where the likeliest answer for every clip is right, the cross-entropy falls towards a temperature of 0 without end,
    and says nothing of how sure to be: the temperature is 1 then.

    Logits of a recording in segments are logarithms of its mean probabilities (`averaged`). The temperature is of
    these, not of the logits of a segment: average first, then divide.
    """
    if validated.right(validated.likeliest).all():
        return 1.0
    from scipy.optimize import minimize_scalar  # which a model that answers does without, for a quick start

    def loss(log_temperature: float) -> float:
        return float(losses(with_temperature(validated, np.exp(log_temperature))).mean())

    found = minimize_scalar(loss, bounds=np.log(LIMITS), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def with_temperature(predictions: Predictions, temperature: float) -> Predictions:
    """Return the predictions with logits, float64, that are divided by a temperature."""
    return replace(predictions, logits=predictions.logits.astype(np.float64) / temperature)


def calibration(tested: Predictions, calibrated: Predictions | None = None) -> dict[str, Any]:
    """Return the calibration of test clips as metrics.json has it; `calibrated` are the same with a temperature.

    `ece` is the expected calibration error of the largest probability, in 15 bins of equal numbers of clips;
    `classwise_ece` is the mean over classes of that of their probabilities; `reliability` has the bins of the first.
    The names that end in `_calibrated` are of `calibrated`; `loss_calibrated` is its cross-entropy.
    """
    summary = _errors(tested, "")
    if calibrated is not None:
        summary |= _errors(calibrated, "_calibrated") | {"loss_calibrated": float(losses(calibrated).mean())}
    return summary


def _errors(predictions: Predictions, suffix: str) -> dict[str, Any]:
    probabilities, labels = predictions.probabilities, predictions.labels
    confidence, right = probabilities.max(axis=1), predictions.likeliest == labels
    by_class = [calibration_error(shares, labels == number) for number, shares in enumerate(probabilities.T)]
    return {
        f"ece{suffix}": calibration_error(confidence, right),
        f"classwise_ece{suffix}": float(np.mean(by_class)),
        f"reliability{suffix}": reliability(confidence, right),
    }


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the mean over clips of the distance between confidence and accuracy in their bin; both are `(clips,)`."""
    clips, mean_confidence, accuracy = bin_means(equal_mass_bins(confidence, BINS), confidence, right)
    return float(np.average(np.abs(mean_confidence - accuracy), weights=clips))


def reliability(confidence: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
    """Return the points of a reliability diagram: clips, mean confidence and accuracy of each bin."""
    columns = bin_means(equal_mass_bins(confidence, BINS), confidence, right)
    return [
        {"clips": int(clips), "confidence": float(mean), "accuracy": float(accuracy)}
        for clips, mean, accuracy in zip(*columns, strict=True)
    ]
