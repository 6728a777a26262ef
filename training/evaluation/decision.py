"""Decision of a model: which class it answers, and whether it is sure."""

from dataclasses import dataclass

import numpy as np

from training.evaluation.abstention import choose_limit
from training.evaluation.calibration import fit_temperature, with_temperature
from training.evaluation.detection import EVEN_THRESHOLD, choose_threshold
from training.evaluation.predictions import Predictions


@dataclass(frozen=True)
class Decision:
    """Numbers by which a model decides. They are chosen on clips that validate, and kept with the weights.

    Attributes
    ----------
    positive : int or None
        Number of the class that is detected, of two; None where the likeliest class is answered.
    threshold : float or None
        Probability from which on the positive class is answered, without the temperature.
    temperature : float or None
        Divisor of the logits that calibrates the probabilities; None where no clip validates.
    limit : float or None
        Confidence above which an answer is sure; None where no clip validates, and every answer is.
    thresholds : tuple of float or None
        Probability of each label from which on it is answered; None where a clip has one class.
    """

    positive: int | None = None
    threshold: float | None = None
    temperature: float | None = None
    limit: float | None = None
    thresholds: tuple[float, ...] | None = None

    def classes(self, predictions: Predictions) -> np.ndarray:
        """Return the numbers of the classes that are answered, `(clips,)` int64; of several labels which, `(clips,
        classes)` bool.
        """
        if self.thresholds is not None:
            return predictions.probabilities >= np.array(self.thresholds)
        if self.positive is None:
            return predictions.likeliest
        detected = predictions.probabilities[:, self.positive] >= self.threshold
        return np.where(detected, self.positive, 1 - self.positive)

    def calibrated(self, predictions: Predictions) -> Predictions:
        """Return the predictions with the temperature, if there is one."""
        return predictions if self.temperature is None else with_temperature(predictions, self.temperature)

    def confidence(self, predictions: Predictions) -> np.ndarray:
        """Return the calibrated probability of the class that is answered, `(clips,)` float64.

        It is the largest probability, unless a threshold decides: a positive class that is answered from a probability
        of 0.1 on is not certain at 0.15, though the other one is as likely as 0.85. Of several labels it is that of the
        decision on the least certain one.
        """
        answers = self.classes(predictions)
        return predictions.task.confidence(self.calibrated(predictions).probabilities, answers)


def choose_decision(
    validated: Predictions | None, positive: int | None, sure_accuracy: float, labels: int | None = None
) -> Decision:
    """Return the decision that is best for validation clips; without any, the likeliest class and no doubt.

    Parameters
    ----------
    validated : Predictions or None
    positive : int or None
        Number of the class to be detected, of two.
    sure_accuracy : float
        Wanted accuracy of the answers that are sure.
    labels : int, optional
        Number of labels, if each is answered by itself.
    """
    if labels is not None:
        return Decision(thresholds=_thresholds(validated, labels))
    if validated is None:
        return Decision(positive, None if positive is None else EVEN_THRESHOLD)
    threshold = None
    if positive is not None:
        threshold = choose_threshold(validated.probabilities[:, positive], validated.labels == positive)
    unlimited = Decision(positive, threshold, fit_temperature(validated))
    right = validated.right(unlimited.classes(validated))
    limit = choose_limit(unlimited.confidence(validated), right, sure_accuracy)
    return Decision(positive, threshold, unlimited.temperature, limit)


def _thresholds(validated: Predictions | None, labels: int) -> tuple[float, ...]:
    """Return the threshold with the best F1 of each label; 0.5 where no clip has it, or all have."""
    if validated is None:
        return (EVEN_THRESHOLD,) * labels
    return tuple(
        choose_threshold(shares, present) if present.any() and not present.all() else EVEN_THRESHOLD
        for shares, present in zip(validated.probabilities.T, validated.labels.T, strict=True)
    )
