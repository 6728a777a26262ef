"""Differences between runs, from scores that are resampled once for each of them."""

from dataclasses import replace

import numpy as np
import pytest
from predicted import drawn_predictions, scored_clips

from training.evaluation.differences import Difference, differences, paired_differences, resampled_run
from training.evaluation.intervals import ScoredClips, mean_intervals


def corrected(clips: ScoredClips, count: int) -> ScoredClips:
    """Return the clips with some more of them right."""
    wrong = np.flatnonzero(clips.decided != clips.predictions.labels)[:count]
    decided = clips.decided.copy()
    decided[wrong] = clips.predictions.labels[wrong]
    return replace(clips, decided=decided)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.2, "better"),
        (-0.2, -0.01, "worse"),
        (-0.1, 0.1, "cannot be told apart"),
        (0, 0, "cannot be told apart"),
    ],
)
def test_an_interval_that_reaches_0_tells_nothing(low: float, high: float, verdict: str) -> None:
    assert Difference((low + high) / 2, low, high, 0.5).verdict == verdict


def test_over_folds_the_difference_is_that_of_the_means() -> None:
    first = [
        scored_clips(drawn_predictions(seed, 100 + 20 * seed, 3), np.arange(100 + 20 * seed) // 2) for seed in (1, 2)
    ]
    second = [corrected(fold, 9) for fold in first]
    found = differences(resampled_run(second), resampled_run(first))["accuracy"]
    assert found.difference == pytest.approx((9 / 120 + 9 / 140) / 2)
    assert 0 < found.low < found.difference < found.high
    alone = [paired_differences(*pair)["accuracy"] for pair in zip(second, first, strict=True)]
    widths = [one.high - one.low for one in alone]
    assert found.high - found.low == pytest.approx(np.hypot(*widths) / 2, rel=0.1)
    # Each mean by itself is less well known than their difference.
    assert found.high - found.low < np.ptp(mean_intervals(first)["accuracy"])


def test_a_fold_of_one_group_leaves_the_scores_and_no_difference() -> None:
    clips = scored_clips(drawn_predictions(0, 20, 2), np.zeros(20, np.int64))
    run = resampled_run([clips, scored_clips(drawn_predictions(1, 20, 2))])
    assert run.observed["accuracy"] > 0.5
    assert differences(run, run) == {}


def test_scores_that_only_one_run_has_are_left_out() -> None:
    predictions = drawn_predictions(0, 50, 2)
    detector, other = (resampled_run([scored_clips(predictions, positive=positive)]) for positive in (1, None))
    assert "roc_auc" in detector.resampled
    assert differences(detector, other).keys() == other.resampled.keys() == differences(other, detector).keys()
