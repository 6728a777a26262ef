"""Predictions of a network for clips, as logits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax


@dataclass(frozen=True)
class Predictions:
    """Predictions for the clips of one side, an element each.

    Attributes
    ----------
    rows : array of int64, shape (clips,)
        Rows of the store.
    labels : array of int64, shape (clips,)
        Numbers of the true classes.
    logits : array of float32, shape (clips, classes)
    """

    rows: np.ndarray
    labels: np.ndarray
    logits: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """Return the softmax of the logits, `(clips, classes)` float64."""
        probabilities: np.ndarray = softmax(self.logits.astype(np.float64), axis=1)
        return probabilities

    @property
    def likeliest(self) -> np.ndarray:
        """Return the number of the class with the largest probability, `(clips,)` int64; the first of several."""
        return self.logits.argmax(axis=1)


def averaged(predictions: Predictions, recordings: Sequence[str]) -> tuple[Predictions, list[str]]:
    """Return one prediction for all clips of a recording, the mean of their probabilities, and the recordings' names.

    `recordings` `(clips,)` names the recording of each clip; the row is that of its first clip. The logits are then
    the logarithms of the mean probabilities.
    """
    names, first, number = np.unique(recordings, return_index=True, return_inverse=True)
    if len(names) == len(recordings):
        return predictions, list(recordings)
    probabilities = predictions.probabilities
    sums = np.zeros((len(names), probabilities.shape[1]))
    np.add.at(sums, number, probabilities)
    logits = as_logits(sums / np.bincount(number)[:, None])
    return Predictions(predictions.rows[first], predictions.labels[first], logits), names.tolist()


def as_logits(probabilities: np.ndarray) -> np.ndarray:
    """Return logits of probabilities `(clips, classes)` float64: their logarithms, float32."""
    logits: np.ndarray = np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)).astype(np.float32)
    return logits
