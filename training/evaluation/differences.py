"""Differences of the scores of runs that tested the same clips, with intervals by paired resamples of the groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.evaluation.intervals import (
    ScoredClips,
    independent_groups,
    interval_of,
    observed_means,
    resampled_means,
)

WORSE, APART = "worse", "cannot be told apart"


@dataclass(frozen=True)
class Difference:
    """Difference of one score between two runs, the first minus the second.

    Attributes
    ----------
    difference : float
        On the clips themselves.
    low, high : float
        Its 95 % interval.
    share_above : float
        Share of the resamples in which it is above 0.
    """

    difference: float
    low: float
    high: float
    share_above: float

    @property
    def verdict(self) -> str:
        """Return the first run's place by a score of which more is better: the interval must not reach 0."""
        if self.low > 0:
            return "better"
        return WORSE if self.high < 0 else APART


@dataclass(frozen=True)
class ResampledRun:
    """Scores of one run by name, means over its folds: a few kB, from which it is compared with any number of others.

    Attributes
    ----------
    observed : dict of float
        On the clips themselves.
    resampled : dict of array, shape (resamples,)
        Of each resample of the groups; empty where a fold has one group only.
    groups : int
        As `independent_groups` counts them.
    """

    observed: dict[str, float]
    resampled: dict[str, np.ndarray]
    groups: int


def resampled_run(folds: Sequence[ScoredClips]) -> ResampledRun:
    """Return the scores of a run; `folds` has one element for a run without folds."""
    return ResampledRun(observed_means(folds), resampled_means(folds), independent_groups(folds))


def differences(first: ResampledRun, second: ResampledRun) -> dict[str, Difference]:
    """Return the difference of each score that two runs have in common, by name; none where a fold has one group only.

    Both must have tested the same clips in the same order, with the same groups. Then both scores of a difference are
    of the same resamples: what makes a group difficult for both cancels out.
    """
    by_name = {}
    for name in [name for name in first.resampled if name in second.resampled]:
        values = first.resampled[name] - second.resampled[name]
        finite = values[np.isfinite(values)]
        if len(finite):
            difference = first.observed[name] - second.observed[name]
            by_name[name] = Difference(
                difference, *interval_of(values, first.groups), share_above=float(np.mean(finite > 0))
            )
    return by_name


def paired_differences(first: ScoredClips, second: ScoredClips) -> dict[str, Difference]:
    """Return the differences between two runs without folds, as `differences` does.

    Raises `ValueError` unless both tested the same clips, in the same order.
    """
    one, other = first.predictions, second.predictions
    pairs = ((one.rows, other.rows), (one.labels, other.labels), (first.groups, second.groups))
    if not all(np.array_equal(left, right) for left, right in pairs):
        raise ValueError("expected two runs that tested the same clips, in the same order")
    return differences(resampled_run([first]), resampled_run([second]))
