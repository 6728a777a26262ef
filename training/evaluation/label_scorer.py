"""Scores of several labels a clip under weights of the groups, as a bootstrap draws them."""

import numpy as np
from scipy import sparse

from training.evaluation.areas import average_precision, roc_area, threshold_order
from training.evaluation.label_scores import overall_scores
from training.evaluation.predictions import Predictions
from training.evaluation.scores import losses

AVERAGE_PRECISION = "average_precision {}"  # of the label of that number: the name of a score


class LabelScorer:
    """Scores of clips under any weights of their groups, from sums over groups that are made once.

    Parameters
    ----------
    predictions : Predictions
    decided : array of bool, shape (clips, classes)
    groups : array of int64, shape (clips,)
        Numbers of the groups, from 0 on.
    """

    def __init__(self, predictions: Predictions, decided: np.ndarray, groups: np.ndarray) -> None:
        truth = predictions.labels
        self._classes = truth.shape[1]
        members = sparse.csr_array((np.ones(len(groups)), (groups, np.arange(len(groups)))))
        clip_sums = [predictions.right(decided), losses(predictions), np.ones(len(groups))]
        columns = np.column_stack([decided & truth, decided, truth, *clip_sums]).astype(np.float64)
        self._sums = (members @ columns).T  # (sums, groups)
        self._ranked = []  # of each label: groups and truth from the likeliest clip down, and places of thresholds
        for shares, present in zip(predictions.probabilities.T, truth.T, strict=True):
            order, last = threshold_order(shares)
            self._ranked.append((groups[order], present[order][:, None], last))

    def score(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return the scores by name, `(resamples,)`; `weights` is `(groups, resamples)` float64.

        They are those of `score_labels`, and the average precision of each label.
        """
        sums = self._sums @ weights
        hits, answered, present = sums[:-3].reshape(3, self._classes, -1)
        areas = self._areas(weights)
        by_label = {AVERAGE_PRECISION.format(number): row for number, row in enumerate(areas["average_precision"])}
        overall = overall_scores(hits, answered, present, areas)
        return {"accuracy": sums[-3] / sums[-1], "loss": sums[-2] / sums[-1], **overall, **by_label}

    def _areas(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        rows = []
        for groups, present, last in self._ranked:
            ranked = weights[groups]
            hits = np.cumsum(ranked * present, axis=0)[last]
            alarms = np.cumsum(ranked, axis=0)[last] - hits
            rows.append((average_precision(hits, alarms), roc_area(hits, alarms)))
        precisions, areas = (np.stack(part) for part in zip(*rows, strict=True))
        return {"average_precision": precisions, "roc_auc": areas}
