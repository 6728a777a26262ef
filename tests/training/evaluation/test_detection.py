"""Scores of two classes against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score, roc_auc_score

from training.evaluation.detection import EVEN, choose_threshold, detect, detect_across
from training.evaluation.predictions import Predictions
from training.evaluation.scores import score
from training.report.sections import detection_sections

FOUND = np.array([0.1, 0.3, 0.35, 0.4, 0.8, 0.9])
TRUTH = np.array([False, False, True, False, True, True])


def clips(seed: int, count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random(count) < 0.2
    return 1 / (1 + np.exp(-rng.normal(2 * truth - 1, 1.2))), truth


@pytest.mark.parametrize("seed", range(3))
def test_areas_are_those_of_scikit_learn(seed: int) -> None:
    found, truth = clips(seed)
    summary = detect(found, truth, 0.5).summary
    assert summary["roc_auc"] == pytest.approx(roc_auc_score(truth, found), abs=1e-5)
    assert summary["pauc"] == pytest.approx(roc_auc_score(truth, found, max_fpr=0.1), abs=1e-5)
    assert summary["pr_auc"] == pytest.approx(average_precision_score(truth, found), abs=1e-5)
    assert summary["f1"] == pytest.approx(f1_score(truth, found >= 0.5))


def test_scores_at_the_threshold_by_hand() -> None:
    detection = detect(FOUND, TRUTH, 0.38)
    assert detection.summary == {
        "roc_auc": pytest.approx(8 / 9),
        "pauc": pytest.approx(roc_auc_score(TRUTH, FOUND, max_fpr=0.1)),
        "pr_auc": pytest.approx(average_precision_score(TRUTH, FOUND)),
        "threshold": 0.38,
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
    }
    assert [(point.recall, point.fpr) for point in detection.points] == [
        (pytest.approx(2 / 3), pytest.approx(1 / 3)),
        (pytest.approx(2 / 3), 0.0),
        (1.0, pytest.approx(1 / 3)),
    ]


def test_a_probability_at_the_threshold_is_detected() -> None:
    summary = detect(FOUND, TRUTH, 0.4).summary  # which no positive clip has
    assert (summary["precision"], summary["recall"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert detect(FOUND, TRUTH, 0.35).summary["recall"] == 1


def test_every_point_of_the_curves_is_what_its_threshold_gives() -> None:
    found, truth = clips(1, 80)
    detection = detect(found, truth, 0.5)
    assert np.isnan(detection.precision[0])  # above all probabilities nothing is detected
    for place in range(1, len(detection.thresholds)):
        called = found >= detection.thresholds[place]
        assert detection.recall[place] == pytest.approx(recall_score(truth, called))
        assert detection.precision[place] == pytest.approx(precision_score(truth, called))
        assert detection.fpr[place] == pytest.approx(recall_score(~truth, called))
    assert {part.dtype for part in (detection.fpr, detection.recall, detection.thresholds)} == {np.dtype(np.float64)}


def test_operating_points_meet_their_demands_just_so() -> None:
    """One false alarm among a hundred clips is not too many, and 19 detected clips of 20 are enough."""
    found = np.concatenate([np.linspace(0.5, 0.99, 20), [0.7], np.linspace(0.01, 0.45, 99)])
    truth = np.arange(120) < 20
    chosen, few, most = detect(found, truth, 0.985, "by hand").points
    assert (chosen.demand, chosen.threshold) == ("by hand", 0.985)
    assert (chosen.recall, chosen.fpr) == (1 / 20, 0)
    assert (few.demand, few.fpr) == ("false-positive rate of at most 0.01", 0.01)
    assert (few.recall, few.threshold) == (1, 0.5)
    assert (most.demand, most.recall, most.fpr) == ("recall of at least 0.95", 0.95, 0.01)
    assert most.threshold == found[1]
    assert detect(found, truth, 0.7).points[0].fpr == 0.01
    assert detect(found, truth, 0.0, EVEN).points[0].demand == EVEN


def test_a_single_clip_is_all_of_them() -> None:
    summary = detect(np.array([0.9, 0.2, 0.1]), np.array([True, False, False]), 0.5).summary
    assert (summary["precision"], summary["recall"], summary["f1"]) == (1, 1, 1)
    detection = detect(np.array([0.9, 0.2]), np.array([False, True]), 0.5)
    assert (detection.fpr.tolist(), detection.recall.tolist()) == ([0, 1, 1], [0, 0, 1])


def test_nothing_detected_is_no_division_by_zero() -> None:
    summary = detect(FOUND, TRUTH, 0.95).summary
    assert (summary["precision"], summary["recall"], summary["f1"]) == (0, 0, 0)


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), count=st.integers(10, 60))
def test_no_other_threshold_has_a_better_f1(seed: int, count: int) -> None:
    found, truth = clips(seed, count)
    if not truth.any() or truth.all():
        return
    chosen = f1_score(truth, found >= choose_threshold(found, truth))
    assert chosen == pytest.approx(max(f1_score(truth, found >= other) for other in found))


def test_classes_that_are_apart_are_parted_halfway() -> None:
    assert choose_threshold(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True])) == pytest.approx(0.5)
    assert choose_threshold(np.array([0.3, 0.4]), np.array([True, True])) == pytest.approx(0.3)


def test_each_half_of_the_groups_is_decided_by_the_other() -> None:
    rng = np.random.default_rng(0)
    truth, groups = np.repeat(rng.random(40) < 0.3, 5), np.repeat(np.arange(40), 5)
    scores = 1 / (1 + np.exp(-rng.normal(2.0 * truth - 1, 1.0)))
    detected = detect_across(scores, truth, groups)
    positive = np.array([truth[groups == group].any() for group in range(40)])
    order = [*np.flatnonzero(~positive), *np.flatnonzero(positive)]
    halves = [np.isin(groups, order[first::2]) for first in (0, 1)]
    assert abs(int(positive[order[0::2]].sum()) - int(positive[order[1::2]].sum())) <= 1
    for half, other in (halves, halves[::-1]):
        threshold = choose_threshold(scores[other], truth[other])
        assert detected[half].tolist() == (scores[half] >= threshold).tolist()


def test_noise_looks_as_good_as_it_is_to_halves_and_better_to_its_own_threshold() -> None:
    own, across = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        truth, scores = np.arange(30) % 2 == 0, rng.random(30)
        own.append(np.mean((scores >= choose_threshold(scores, truth)) == truth))
        across.append(np.mean(detect_across(scores, truth, np.arange(30)) == truth))
    assert np.mean(across) == pytest.approx(0.5, abs=0.02)
    assert np.mean(own) > 0.54


def test_a_half_without_both_classes_leaves_the_other_to_even_odds() -> None:
    scores, truth = np.array([0.6, 0.4, 0.7, 0.2]), np.array([True, False, False, False])
    assert detect_across(scores, truth, np.zeros(4)).tolist() == [True, False, True, False]
    assert detect_across(scores[:1], truth[:1], np.zeros(1)).tolist() == [True]


@settings(max_examples=200)
@given(seed=st.integers(0, 10_000), group_count=st.integers(1, 6))
def test_halves_of_few_groups_may_lack_a_class(seed: int, group_count: int) -> None:
    rng = np.random.default_rng(seed)
    groups, truth, scores = rng.integers(0, group_count, 12), rng.random(12) < 0.3, rng.integers(1, 5, 12) / 4
    names = np.unique(groups)
    ordered = sorted(names, key=lambda name: truth[groups == name].any())
    expected = np.zeros(12, bool)
    for first in (0, 1):
        half = np.isin(groups, ordered[first::2])
        both = len(set(truth[~half])) == 2
        expected[half] = scores[half] >= (choose_threshold(scores[~half], truth[~half]) if both else 0.5)
    assert detect_across(scores, truth, groups).tolist() == expected.tolist()


@pytest.mark.parametrize("positives", [1, 5])
@pytest.mark.parametrize("levels", [1, 2, 6])
def test_areas_of_few_clips_and_of_equal_scores(positives: int, levels: int) -> None:
    found, truth = np.arange(6) // (6 // levels) / 10, np.arange(6) < positives
    summary = detect(found, truth, 0.5).summary
    assert summary["roc_auc"] == pytest.approx(roc_auc_score(truth, found))
    assert summary["pauc"] == pytest.approx(roc_auc_score(truth, found, max_fpr=0.1))
    assert summary["pr_auc"] == pytest.approx(average_precision_score(truth, found))


def test_the_positive_class_may_be_either() -> None:
    logits = np.log(np.array([[0.7, 0.3], [0.2, 0.8]], np.float32))
    predictions = Predictions(np.arange(2), np.array([0, 1]), logits)
    np.testing.assert_allclose(predictions.probabilities[:, 0], [0.7, 0.2], rtol=1e-6)
    np.testing.assert_allclose(predictions.probabilities[:, 1], [0.3, 0.8], rtol=1e-6)


def test_what_is_decided_counts_as_predicted() -> None:
    logits = np.log(np.array([[0.7, 0.3], [0.6, 0.4], [0.2, 0.8]], np.float32))
    predictions = Predictions(np.arange(3), np.array([0, 1, 1]), logits)
    assert score(predictions, ["NG", "OK"]).confusion.tolist() == [[1, 0], [1, 1]]
    decided = score(predictions, ["NG", "OK"], np.array([0, 1, 1]))
    assert decided.confusion.tolist() == [[1, 0], [0, 2]]
    assert decided.summary["accuracy"] == 1


def test_the_report_shows_curves_and_operating_points() -> None:
    found, truth = clips(0)
    curves, explorer, points = detection_sections(
        detect(found, truth, 0.5), "NG", {True: truth.sum(), False: (~truth).sum()}
    )
    assert curves.title == "Detection of NG"
    assert "precision" in curves.plots[1]
    assert "false alarms" in explorer.body
    assert len(points.rows) == 3
    assert points.rows[0][1] == "0.500"
