"""Predictions of a network for clips, as logits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.tasks import MULTICLASS, Task


@dataclass(frozen=True)
class Predictions:
    """Predictions for the clips of one side, an element each.

    Attributes
    ----------
    rows : array of int64, shape (clips,)
        Rows of the store.
    labels : array of int64, shape (clips,)
        Numbers of the true classes, or whatever stands for them in the task.
    logits : array of float32, shape (clips, classes)
    task : Task
    """

    rows: np.ndarray
    labels: np.ndarray
    logits: np.ndarray
    task: Task = MULTICLASS

    @property
    def probabilities(self) -> np.ndarray:
        """Return the probabilities of the logits, `(clips, classes)` float64."""
        return self.task.probabilities(self.logits)

    @property
    def likeliest(self) -> np.ndarray:
        """Return the likeliest answer for each clip, such as the number of a class, `(clips,)` int64."""
        return self.task.likeliest(self.logits)

    def right(self, answers: np.ndarray) -> np.ndarray:
        """Return True for clips whose answer is right, `(clips,)` bool."""
        return self.task.right(answers, self.labels)


def averaged(predictions: Predictions, recordings: Sequence[str]) -> tuple[Predictions, list[str]]:
    """Return one prediction for all clips of a recording, the mean of their probabilities, and the recordings' names.

    `recordings` `(clips,)` names the recording of each clip; the row is that of its first clip. The logits are then
    those of the mean probabilities.
    """
    names, first, number = np.unique(recordings, return_index=True, return_inverse=True)
    if len(names) == len(recordings):
        return predictions, list(recordings)
    probabilities = predictions.probabilities
    sums = np.zeros((len(names), probabilities.shape[1]))
    np.add.at(sums, number, probabilities)
    logits = predictions.task.logits(sums / np.bincount(number)[:, None])
    part = replace(predictions, rows=predictions.rows[first], labels=predictions.labels[first], logits=logits)
    return part, names.tolist()
