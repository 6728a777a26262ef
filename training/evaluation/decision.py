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
    """

    positive: int | None = None
    threshold: float | None = None
    temperature: float | None = None
    limit: float | None = None

    def classes(self, predictions: Predictions) -> np.ndarray:
        """Return the numbers of the classes that are answered, `(clips,)` int64."""
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
        of 0.1 on is not certain at 0.15, though the other one is as likely as 0.85.
        """
        answers = self.classes(predictions)
        return np.take_along_axis(self.calibrated(predictions).probabilities, answers[:, None], axis=1)[:, 0]


def choose_decision(validated: Predictions | None, positive: int | None, sure_accuracy: float) -> Decision:
    """Return the decision that is best for validation clips; without any, the likeliest class and no doubt.

    Parameters
    ----------
    validated : Predictions or None
    positive : int or None
        Number of the class to be detected, of two.
    sure_accuracy : float
        Wanted accuracy of the answers that are sure.
    """
    if validated is None:
        return Decision(positive, None if positive is None else EVEN_THRESHOLD)
    threshold = None
    if positive is not None:
        threshold = choose_threshold(validated.probabilities[:, positive], validated.labels == positive)
    unlimited = Decision(positive, threshold, fit_temperature(validated))
    right = unlimited.classes(validated) == validated.labels
    limit = choose_limit(unlimited.confidence(validated), right, sure_accuracy)
    return Decision(positive, threshold, unlimited.temperature, limit)
