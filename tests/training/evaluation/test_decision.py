"""Limits of confidence by hand and against all others, and the decisions that follow from validation clips."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from predicted import calibrated_predictions, drawn_predictions
from sklearn.metrics import f1_score

from training.evaluation.abstention import choose_limit, not_sure
from training.evaluation.decision import Decision, choose_decision
from training.evaluation.detection import choose_threshold
from training.evaluation.predictions import Predictions

CONFIDENCE = np.array([0.9, 0.8, 0.7, 0.6, 0.5])


@pytest.mark.parametrize(
    ("right", "limit", "coverage", "accuracy"),
    [
        ([1, 1, 0, 0, 0], 0.75, 0.4, 1),
        ([1, 1, 1, 0, 0], 0.55, 0.8, 0.75),
        ([1, 1, 0, 1, 0], 0.55, 0.8, 0.75),  # 3 of 4 is what was wanted, though 2 of 3 is not
        ([1, 1, 1, 1, 1], 0, 1, 1),
        ([0, 1, 1, 0, 0], 1, 0, None),
        ([0, 1, 1, 1, 0], 0.55, 0.8, 0.75),
    ],
)
def test_the_limit_by_hand(right: list[int], limit: float, coverage: float, accuracy: float | None) -> None:
    found = choose_limit(CONFIDENCE, np.array(right, bool), 0.75)
    assert found == pytest.approx(limit)
    assert not_sure(CONFIDENCE, np.array(right, bool), found) == {
        "limit": found, "coverage": coverage, "accuracy": accuracy,
    }  # fmt: skip


def test_clips_of_one_confidence_are_sure_together_or_not_at_all() -> None:
    confidence = np.array([0.9, 0.9, 0.6, 0.6])
    assert choose_limit(confidence, np.array([1, 0, 1, 1], bool), 0.9) == 1
    assert choose_limit(confidence, np.array([1, 1, 1, 0], bool), 0.9) == pytest.approx(0.75)
    certain = np.ones(3)
    assert choose_limit(certain, np.array([1, 1, 0], bool), 0.9) == 1
    assert not_sure(certain, np.array([1, 1, 0], bool), 1.0)["coverage"] == 0
    assert choose_limit(certain[:1], np.ones(1, bool), 1.0) == 0


def test_an_accuracy_that_is_reached_exactly_is_enough() -> None:
    for clips, hits in ((20, 19), (60, 57), (180, 171)):
        assert choose_limit(np.full(clips, 0.5), np.arange(clips) < hits, 0.95) == 0


def test_without_a_limit_every_answer_is_sure() -> None:
    assert not_sure(CONFIDENCE, np.array([1, 1, 0, 0, 0], bool), None) == {
        "limit": None, "coverage": 1, "accuracy": 0.4,
    }  # fmt: skip


@settings(max_examples=50)
@given(seed=st.integers(0, 1000), clips=st.integers(1, 60), accuracy=st.sampled_from([0.5, 0.8, 0.95, 1.0]))
def test_no_lower_limit_has_the_accuracy(seed: int, clips: int, accuracy: float) -> None:
    rng = np.random.default_rng(seed)
    confidence = rng.integers(1, 30, clips) / 30
    right = rng.random(clips) < confidence
    limit = choose_limit(confidence, right, accuracy)
    chosen = not_sure(confidence, right, limit)
    assert chosen["accuracy"] is None or chosen["accuracy"] >= accuracy
    for other in np.unique(np.append(confidence, 0)):
        reached = not_sure(confidence, right, other)
        if reached["accuracy"] is not None and reached["accuracy"] >= accuracy:
            assert reached["coverage"] <= chosen["coverage"]


def test_a_calibrated_network_keeps_the_accuracy_on_other_clips() -> None:
    validated, tested = (calibrated_predictions(seed, 5000, 3) for seed in (0, 1))
    decision = choose_decision(validated, None, 0.9)
    right = decision.classes(tested) == tested.labels
    found = not_sure(decision.confidence(tested), right, decision.limit)
    assert found["accuracy"] == pytest.approx(0.9, abs=0.02)
    assert 0.1 < found["coverage"] < 0.9
    assert right.mean() < 0.75
    more = choose_decision(validated, None, 0.98)
    assert more.limit > decision.limit
    assert more.temperature == decision.temperature == pytest.approx(1, abs=0.05)


def test_a_decision_without_validation() -> None:
    tested = drawn_predictions(0, 20, 2)
    assert choose_decision(None, None, 0.95) == Decision()
    assert choose_decision(None, 1, 0.95) == Decision(positive=1, threshold=0.5)
    np.testing.assert_array_equal(Decision().classes(tested), tested.likeliest)
    np.testing.assert_array_equal(Decision().confidence(tested), tested.probabilities.max(axis=1))
    assert Decision().calibrated(tested) is tested


def test_the_threshold_decides_and_the_answer_has_the_confidence() -> None:
    """A positive answer at a probability of 0.15 is not sure, though the other class is at 0.85."""
    shares = np.array([[0.95, 0.05], [0.85, 0.15], [0.2, 0.8]])
    predictions = Predictions(np.arange(3), np.zeros(3, np.int64), np.log(shares).astype(np.float32))
    decision = Decision(positive=1, threshold=0.1)
    assert decision.classes(predictions).tolist() == [0, 1, 1]
    np.testing.assert_allclose(decision.confidence(predictions), [0.95, 0.15, 0.8], rtol=1e-6)
    warmer = Decision(positive=1, threshold=0.1, temperature=2.0)
    assert warmer.classes(predictions).tolist() == [0, 1, 1]  # the threshold is one of raw probabilities
    roots = np.sqrt(shares)
    expected = (roots / roots.sum(axis=1, keepdims=True))[np.arange(3), [0, 1, 1]]
    np.testing.assert_allclose(warmer.confidence(predictions), expected, rtol=1e-6)


def test_a_probability_at_the_threshold_is_positive_of_either_class() -> None:
    predictions = Predictions(np.arange(3), np.array([0, 0, 1]), np.float32([[0, 0], [1, 0], [0, 1]]))
    assert Decision(positive=0, threshold=0.5).classes(predictions).tolist() == [0, 0, 1]
    assert Decision(positive=1, threshold=0.5).classes(predictions).tolist() == [1, 0, 1]


def test_the_threshold_is_the_best_of_validation() -> None:
    validated = drawn_predictions(5, 80, 2, signal=1.0)
    decision = choose_decision(validated, 0, 0.95)
    truth, shares = validated.labels == 0, validated.probabilities[:, 0]
    assert decision.threshold == choose_threshold(shares, truth)
    assert f1_score(truth, decision.classes(validated) == 0) == max(f1_score(truth, shares >= at) for at in shares)


def test_the_limit_of_a_detector_is_one_of_its_answers() -> None:
    """Its threshold lies far from a half, so that many an answer is not the likelier class."""
    validated = drawn_predictions(5, 80, 2, signal=1.0)
    validated = Predictions(validated.rows, validated.labels, validated.logits + np.float32([0, 3]))
    decision = choose_decision(validated, 0, 0.8)
    answers = decision.classes(validated)
    assert (answers != validated.likeliest).any()
    assert decision.limit == choose_limit(decision.confidence(validated), answers == validated.labels, 0.8)
