"""Confidence intervals of scores by bootstrap over groups: clips of one recording, subject or machine stay together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import ndtr, stdtrit

from training.evaluation.areas import detection_areas, threshold_order
from training.evaluation.label_scorer import LabelScorer
from training.evaluation.predictions import Predictions
from training.evaluation.scores import METRICS, among_likeliest, class_scores, losses

RESAMPLES = 2000
COVERAGE = 0.95
SEED = 20_240
BLOCK_VALUES = 2**18  # of an array over clips and resamples, 2 MiB, which caches hold


@dataclass(frozen=True)
class ScoredClips:
    """Test clips with their predictions, an element each.

    Attributes
    ----------
    predictions : Predictions
    decided : array of int64, shape (clips,)
        Classes that count as predicted, or whatever stands for them in the task.
    groups : array of int64, shape (clips,)
        Numbers of the groups, any.
    positive : int or None
        Number of the class that is detected.
    """

    predictions: Predictions
    decided: np.ndarray
    groups: np.ndarray
    positive: int | None = None

    @property
    def group_count(self) -> int:
        return len(np.unique(self.groups))

    @property
    def right(self) -> np.ndarray:
        """Return True for clips whose answer is right, `(clips,)` bool."""
        return self.predictions.right(self.decided)


def score_intervals(tested: ScoredClips) -> dict[str, list[float]]:
    """Return low and high of the 95 % interval of each score, by its name in metrics.json; none with one group only.

    The groups are drawn with replacement, as many as there are, 2000 times by a fixed seed. The interval lies between
    two quantiles of the scores of these resamples, slightly beyond 2.5 % and 97.5 %: by Student's factor for the number
    of groups (the expanded percentile interval of Hesterberg 2015), without which few groups give too narrow ones. A
    score of detection leaves out resamples without one of the two classes.
    """
    return mean_intervals([tested])


def mean_intervals(folds: Sequence[ScoredClips]) -> dict[str, list[float]]:
    """Return the intervals of the mean of each score over folds; each fold's groups are drawn by themselves."""
    groups = independent_groups(folds)
    return {
        name: list(interval_of(values, groups))
        for name, values in resampled_means(folds).items()
        if np.isfinite(values).any()
    }


def independent_groups(folds: Sequence[ScoredClips]) -> int:
    """Return the number of groups with as many degrees of freedom as those of all folds together."""
    return sum(fold.group_count for fold in folds) - len(folds) + 1


def resampled_means(folds: Sequence[ScoredClips]) -> dict[str, np.ndarray]:
    """Return the mean of each score over folds, for each resample of the groups, `(resamples,)` by name.

    It is empty where a fold has one group only, which says nothing of others.
    """
    if any(fold.group_count < 2 for fold in folds):
        return {}
    resampled = [resampled_scores(fold, SEED + place) for place, fold in enumerate(folds)]
    return {name: np.mean([scores[name] for scores in resampled], axis=0) for name in resampled[0]}


def observed_means(folds: Sequence[ScoredClips]) -> dict[str, float]:
    """Return the mean of each score over folds, on the clips themselves, by name."""
    observed = [_scorer(fold).score(np.ones((fold.group_count, 1))) for fold in folds]
    return {name: float(np.mean([scores[name][0] for scores in observed])) for name in observed[0]}


def resampled_scores(tested: ScoredClips, seed: int = SEED) -> dict[str, np.ndarray]:
    """Return each score of each resample of the groups, `(resamples,)` by name; NaN for one that it does not have."""
    scorer = _scorer(tested)
    block = max(1, BLOCK_VALUES // len(tested.groups))
    parts = [scorer.score(weights) for weights in _multiplicities(tested.group_count, block, seed)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _multiplicities(groups: int, block: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each group is in each resample, `(groups, resamples)` float64, for one block after another."""
    rng = np.random.Generator(np.random.Philox(seed))
    for begin in range(0, RESAMPLES, block):
        count = min(block, RESAMPLES - begin)
        drawn = rng.integers(groups, size=(count, groups))
        places = drawn * count + np.arange(count)[:, None]
        yield np.bincount(places.ravel(), minlength=groups * count).reshape(groups, count).astype(np.float64)


def interval_of(values: np.ndarray, groups: int) -> tuple[float, float]:
    """Return low and high of the scores of resamples, of which some may be NaN."""
    tail = ndtr(stdtrit(groups - 1, (1 - COVERAGE) / 2) * np.sqrt(groups / (groups - 1)))
    low, high = np.quantile(values[np.isfinite(values)], [tail, 1 - tail])
    return float(low), float(high)


def _scorer(tested: ScoredClips) -> "_Scorer | LabelScorer":
    if tested.predictions.task.several:
        return LabelScorer(tested.predictions, tested.decided, np.unique(tested.groups, return_inverse=True)[1])
    return _Scorer(tested)


class _Scorer:
    """Scores of clips under any weights of their groups, from sums over groups that are made once."""

    def __init__(self, tested: ScoredClips) -> None:
        predictions, self._positive = tested.predictions, tested.positive
        self._classes = predictions.logits.shape[1]
        names, self._groups = np.unique(tested.groups, return_inverse=True)
        right = tested.decided == predictions.labels
        clips = len(right)
        # A row of sums for each: hits, predicted and clips of all classes, clips among the five likeliest, loss.
        rows = [
            predictions.labels[right],
            self._classes + tested.decided,
            2 * self._classes + predictions.labels,
            np.full(clips, 3 * self._classes),
            np.full(clips, 3 * self._classes + 1),
        ]
        values = [
            np.ones(len(rows[0]) + 2 * clips),
            among_likeliest(predictions).astype(np.float64),
            losses(predictions),
        ]
        columns = [self._groups[right], *[self._groups] * 4]
        entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        self._sums = sparse.csr_array(entries, shape=(3 * self._classes + 2, len(names)))
        if self._positive is not None:
            order, self._last = threshold_order(predictions.probabilities[:, self._positive])
            self._ranked_groups = self._groups[order]
            self._ranked_truth = (predictions.labels[order] == self._positive)[:, None]

    def score(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return the scores by name, `(resamples,)`; `weights` is `(groups, resamples)` float64."""
        sums = self._sums @ weights
        hits, predicted, clips = sums[:-2].reshape(3, self._classes, -1)
        total = clips.sum(axis=0)
        per_class = class_scores(hits, predicted, clips)
        tested = clips > 0
        scores = {"accuracy": hits.sum(axis=0) / total, "top5_accuracy": sums[-2] / total, "loss": sums[-1] / total}
        for name in METRICS:
            scores[f"macro_{name}"] = (per_class[name] * tested).sum(axis=0) / tested.sum(axis=0)
            if self._positive is not None:
                scores[name] = per_class[name][self._positive]
        if self._positive is not None:
            scores |= self._areas(weights)
        return scores

    def _areas(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        ranked = weights[self._ranked_groups]
        hits = np.cumsum(ranked * self._ranked_truth, axis=0)[self._last]
        return detection_areas(hits, np.cumsum(ranked, axis=0)[self._last] - hits)
