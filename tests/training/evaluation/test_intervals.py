"""Intervals against weighted scores of scikit-learn, a bootstrap in plain loops, and simulations of known truth."""

from dataclasses import replace

import numpy as np
import pytest
from predicted import drawn_predictions, scored_clips
from scipy.stats import norm, t
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

import training.evaluation.intervals
from training.evaluation.areas import detection_areas
from training.evaluation.detection import detect
from training.evaluation.differences import paired_differences
from training.evaluation.intervals import (
    RESAMPLES,
    ScoredClips,
    mean_intervals,
    resampled_scores,
    score_intervals,
)
from training.evaluation.intervals import _multiplicities as multiplicities
from training.evaluation.intervals import _Scorer as Scorer
from training.evaluation.predictions import Predictions
from training.evaluation.scores import score


def grouped(seed: int, clips: int = 150, groups: int = 20, classes: int = 2) -> ScoredClips:
    """Return clips in groups whose numbers leave gaps; of two classes the second one is to be detected."""
    numbers = 7 * np.random.default_rng(seed + 100).integers(0, groups, clips)
    return scored_clips(drawn_predictions(seed, clips, classes), numbers, 1 if classes == 2 else None)


@pytest.mark.parametrize(("classes", "count"), [(2, 150), (7, 150), (7, 12)])
def test_scores_without_weights_are_those_of_the_run(classes: int, count: int) -> None:
    """Some classes have one clip, where twelve clips are in seven classes."""
    clips = grouped(0, count, classes=classes)
    assert count > 12 or 1 in np.bincount(clips.predictions.labels)
    found = Scorer(clips).score(np.ones((clips.group_count, 1)))
    names = [str(number) for number in range(classes)]
    expected = score(clips.predictions, names).summary
    if classes == 2:
        probabilities, truth = clips.predictions.probabilities[:, 1], clips.predictions.labels == 1
        expected |= detect(probabilities, truth, 0.5).summary
        expected.pop("threshold")
    assert {name: values[0] for name, values in found.items()} == {
        name: pytest.approx(value) for name, value in expected.items()
    }


def test_weighted_scores_are_those_of_scikit_learn() -> None:
    clips = grouped(1)
    predictions, decided = clips.predictions, clips.decided
    rounded = replace(predictions, logits=predictions.logits.round(0))  # many clips of equal probability
    truth = rounded.labels
    for each in (predictions, rounded):
        probabilities = each.probabilities
        weights = np.concatenate(list(multiplicities(clips.group_count, 3, 0)), axis=1)[:, :4]
        found = Scorer(replace(clips, predictions=each)).score(weights)
        for place in range(4):
            weight = weights[np.unique(clips.groups, return_inverse=True)[1], place]
            assert {name: values[place] for name, values in found.items()} == {
                "accuracy": pytest.approx(accuracy_score(truth, decided, sample_weight=weight)),
                "top5_accuracy": 1,
                "loss": pytest.approx(log_loss(truth, probabilities, sample_weight=weight), rel=1e-5),
                "macro_precision": pytest.approx(
                    precision_score(truth, decided, average="macro", sample_weight=weight)
                ),
                "macro_recall": pytest.approx(recall_score(truth, decided, average="macro", sample_weight=weight)),
                "macro_f1": pytest.approx(f1_score(truth, decided, average="macro", sample_weight=weight)),
                "precision": pytest.approx(precision_score(truth, decided, sample_weight=weight)),
                "recall": pytest.approx(recall_score(truth, decided, sample_weight=weight)),
                "f1": pytest.approx(f1_score(truth, decided, sample_weight=weight)),
                "roc_auc": pytest.approx(roc_auc_score(truth, probabilities[:, 1], sample_weight=weight)),
                "pauc": pytest.approx(roc_auc_score(truth, probabilities[:, 1], sample_weight=weight, max_fpr=0.1)),
                "pr_auc": pytest.approx(average_precision_score(truth, probabilities[:, 1], sample_weight=weight)),
            }


def test_a_class_that_a_resample_lacks_is_left_out_of_its_means() -> None:
    clips = grouped(2, 60, 60, classes=4)
    weights = np.ones((clips.group_count, 1))
    _, number = np.unique(clips.groups, return_inverse=True)
    weights[number[clips.predictions.labels == 3]] = 0
    kept = weights[number, 0] > 0
    found = Scorer(clips).score(weights)
    truth, decided = clips.predictions.labels[kept], clips.decided[kept]
    expected = f1_score(truth, decided, average=None, labels=np.unique(truth)).mean()
    assert found["macro_f1"][0] == pytest.approx(expected)


def test_no_area_without_clips_of_both_classes() -> None:
    for hits, alarms in ((np.array([1, 2]), np.zeros(2)), (np.zeros(2), np.array([1, 2]))):
        assert np.isnan(detection_areas(hits, alarms)["roc_auc"])
        assert np.isnan(detection_areas(hits, alarms)["pauc"])


def test_the_resamples_are_those_of_plain_loops() -> None:
    clips = grouped(3, 80, 9, classes=3)
    rng = np.random.Generator(np.random.Philox(training.evaluation.intervals.SEED))
    names = np.unique(clips.groups)
    members = [np.flatnonzero(clips.groups == name) for name in names]
    right = clips.decided == clips.predictions.labels
    drawn = [rng.integers(len(names), size=len(names)) for _ in range(RESAMPLES)]
    expected = [right[np.concatenate([members[number] for number in numbers])].mean() for numbers in drawn]
    np.testing.assert_allclose(resampled_scores(clips)["accuracy"], expected)
    tail = norm.cdf(t.ppf(0.025, 8) * np.sqrt(9 / 8))
    assert tail < 0.025
    assert score_intervals(clips)["accuracy"] == pytest.approx(np.quantile(expected, [tail, 1 - tail]))


def test_intervals_repeat_and_do_not_depend_on_the_size_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = grouped(4)
    first = score_intervals(clips)
    assert score_intervals(clips) == first
    monkeypatch.setattr(training.evaluation.intervals, "BLOCK_VALUES", 150 * 7)
    assert score_intervals(clips) == {name: pytest.approx(bounds) for name, bounds in first.items()}


def test_an_interval_holds_its_score_and_clips_of_one_group_widen_it() -> None:
    alone = scored_clips(drawn_predictions(5, 400, 3, signal=1.0))
    together = scored_clips(
        Predictions(*(np.repeat(getattr(alone.predictions, name), 8, axis=0) for name in ("rows", "labels", "logits"))),
        np.repeat(np.arange(400), 8),
    )
    one, other = score_intervals(alone), score_intervals(together)
    for name, value in score(alone.predictions, list("abc")).summary.items():
        assert one[name][0] <= value <= one[name][1]
        assert other[name] == pytest.approx(one[name])  # eight copies of a clip say no more than one
    copies = score_intervals(scored_clips(together.predictions))["accuracy"]
    assert copies[1] - copies[0] < 0.5 * (one["accuracy"][1] - one["accuracy"][0])


def test_the_groups_of_each_fold_are_drawn_by_themselves() -> None:
    """The mean of two is more certain than either, by the square root of two."""
    clips = grouped(3, 400, 100, classes=3)
    low, high = score_intervals(clips)["accuracy"]
    folds_low, folds_high = mean_intervals([clips, clips])["accuracy"]
    assert (folds_high - folds_low) / (high - low) == pytest.approx(np.sqrt(0.5), rel=0.1)


@pytest.mark.parametrize("clips", [1, 6])
def test_one_group_has_no_interval(clips: int) -> None:
    one = scored_clips(drawn_predictions(0, clips, 2), np.zeros(clips, np.int64), 1)
    assert score_intervals(one) == {}
    assert paired_differences(one, one) == {}
    assert mean_intervals([one, grouped(0)]) == {}


def test_perfect_predictions_have_intervals_without_width() -> None:
    clips = scored_clips(drawn_predictions(0, 30, 2, signal=30.0), positive=1)
    intervals = score_intervals(clips)
    assert {name: bounds for name, bounds in intervals.items() if name != "loss"} == {
        name: [1, 1] for name in intervals.keys() - {"loss"}
    }


def test_a_class_that_is_always_predicted_has_intervals() -> None:
    predictions = drawn_predictions(0, 40, 3)
    always = replace(predictions, logits=np.tile(np.float32([2, 0, 0]), (40, 1)))
    intervals = score_intervals(scored_clips(always))
    share = np.mean(predictions.labels == 0)
    assert intervals["accuracy"][0] < share < intervals["accuracy"][1]
    assert intervals["macro_recall"] == pytest.approx([1 / 3, 1 / 3])


def test_resamples_without_one_of_the_classes_are_left_out() -> None:
    """Two groups, each of one class: half of the resamples have both."""
    predictions = Predictions(np.arange(4), np.array([0, 0, 1, 1]), np.float32([[2, 0], [0, 2], [1, 0], [0, 1]]))
    clips = scored_clips(predictions, np.array([0, 0, 1, 1]), positive=1)
    areas = resampled_scores(clips)["roc_auc"]
    assert 0.4 < np.isnan(areas).mean() < 0.6
    assert score_intervals(clips)["roc_auc"] == pytest.approx([0.5, 0.5])
    of_one = replace(predictions, labels=np.ones(4, np.int64))
    assert "roc_auc" not in score_intervals(scored_clips(of_one, positive=1))


def simulated(seed: int, groups: int, classes: int = 3) -> ScoredClips:
    """Return groups of 1 to 12 clips of one class each, which are alike within a group."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), rng.integers(1, 13, groups))
    labels = rng.integers(0, classes, groups)[group]
    logits = rng.normal(0, 1, (groups, classes))[group] + rng.normal(0, 1.2, (len(group), classes))
    logits += 2 * np.eye(classes)[labels]
    return scored_clips(Predictions(np.arange(len(group)), labels, logits.astype(np.float32)), group)


def test_95_of_100_intervals_hold_the_truth() -> None:
    truth = score(simulated(0, 100_000).predictions, list("abc")).summary
    names, repetitions = ("accuracy", "macro_f1", "macro_recall", "loss"), 800
    intervals = [score_intervals(simulated(seed, 100)) for seed in range(1, repetitions + 1)]
    for name in names:
        held = sum(one[name][0] <= truth[name] <= one[name][1] for one in intervals)
        assert held / repetitions == pytest.approx(0.95, abs=0.02), name


def test_clips_that_are_taken_for_independent_have_intervals_that_miss_the_truth() -> None:
    truth = score(simulated(0, 100_000).predictions, list("abc")).summary["accuracy"]
    alone = [scored_clips(simulated(seed, 100).predictions) for seed in range(1, 201)]
    bounds = [score_intervals(clips)["accuracy"] for clips in alone]
    assert sum(low <= truth <= high for low, high in bounds) < 0.85 * len(bounds)


def test_the_difference_of_two_runs_is_that_of_the_same_resamples() -> None:
    """A run that has twelve more clips right is better, though the intervals of both overlap."""
    first = grouped(6, 200, 200, classes=3)
    right = first.predictions.labels
    wrong = np.flatnonzero(first.decided != right)[:12]
    decided = first.decided.copy()
    decided[wrong] = right[wrong]
    second = replace(first, decided=decided)
    intervals = [score_intervals(run)["accuracy"] for run in (second, first)]
    assert intervals[0][0] < intervals[1][1]
    differences = paired_differences(second, first)
    accuracy = differences["accuracy"]
    assert accuracy.difference == pytest.approx(len(wrong) / 200)
    assert 0 < accuracy.low < accuracy.difference < accuracy.high
    assert accuracy.share_above == 1
    assert (differences["loss"].low, differences["loss"].high, differences["loss"].share_above) == (0, 0, 0)
    other_way = paired_differences(first, second)["accuracy"]
    assert (other_way.low, other_way.high) == (pytest.approx(-accuracy.high), pytest.approx(-accuracy.low))


def test_runs_on_other_clips_have_no_paired_difference() -> None:
    first = grouped(7)
    for second in (grouped(8), replace(first, groups=first.groups + 1)):
        with pytest.raises(ValueError, match="expected two runs that tested the same clips, in the same order"):
            paired_differences(first, second)


def test_a_detector_and_a_classifier_are_compared_by_the_scores_of_both() -> None:
    detector = grouped(7, groups=2)
    classifier = replace(detector, positive=None)
    names = paired_differences(classifier, classifier).keys()
    assert "accuracy" in names
    assert paired_differences(detector, classifier).keys() == names
    assert paired_differences(classifier, detector).keys() == names


def test_the_mean_over_folds_is_better_known_than_one_fold() -> None:
    folds = [scored_clips(drawn_predictions(seed, 300, 3, signal=1.0)) for seed in range(4)]
    low, high = mean_intervals(folds)["accuracy"]
    mean = np.mean([np.mean(fold.decided == fold.predictions.labels) for fold in folds])
    widths = [np.diff(score_intervals(fold)["accuracy"])[0] for fold in folds]
    assert low < mean < high
    assert high - low == pytest.approx(np.sqrt(np.sum(np.square(widths))) / 4, rel=0.08)
