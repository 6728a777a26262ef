"""Distributions and terciles by hand, with ties, and where nothing is wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from predicted import drawn_predictions

from training.evaluation.bins import bin_means, equal_mass_bins
from training.evaluation.distributions import distributions, terciles

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.0, 1.0, 0.0], [0.4, 0.4, 0.2]])


def test_means_of_right_and_wrong_by_hand() -> None:
    found = distributions(PROBABILITIES, np.array([True, False, True, False]))
    entropies = [-sum(p * np.log(p) for p in row if p) for row in PROBABILITIES]
    norms = [np.linalg.norm(row) for row in PROBABILITIES]
    assert found == {
        "confidence": {"right": pytest.approx(0.85), "wrong": pytest.approx(0.5)},
        "entropy": {
            "right": pytest.approx((entropies[0] + entropies[2]) / 2),
            "wrong": pytest.approx((entropies[1] + entropies[3]) / 2),
        },
        "margin": {"right": pytest.approx((0.5 + 1) / 2), "wrong": pytest.approx(0.3 / 2)},
        "strength": {
            "right": pytest.approx((norms[0] + norms[2]) / 2),
            "wrong": pytest.approx((norms[1] + norms[3]) / 2),
        },
    }


def test_nothing_wrong_has_no_mean() -> None:
    found = distributions(PROBABILITIES, np.ones(4, bool))
    assert {part["wrong"] for part in found.values()} == {None}
    assert distributions(PROBABILITIES[:1], np.zeros(1, bool))["margin"] == {"right": None, "wrong": pytest.approx(0.5)}


def test_terciles_by_hand() -> None:
    confidence = np.array([0.9, 0.35, 0.5, 0.7, 0.6, 0.4, 0.8])
    right = np.array([1, 0, 1, 1, 0, 0, 1], bool)
    assert terciles(confidence, right) == [
        {"from": 0.35, "to": 0.5, "clips": 3, "accuracy": pytest.approx(1 / 3)},
        {"from": 0.6, "to": 0.7, "clips": 2, "accuracy": 0.5},
        {"from": 0.8, "to": 0.9, "clips": 2, "accuracy": 1},
    ]


def test_clips_of_one_confidence_are_one_tercile() -> None:
    right = np.array([True, False, True, True])
    assert terciles(np.ones(4), right) == [{"from": 1, "to": 1, "clips": 4, "accuracy": 0.75}]
    assert terciles(np.array([0.6]), right[:1]) == [{"from": 0.6, "to": 0.6, "clips": 1, "accuracy": 1}]
    assert [row["clips"] for row in terciles(np.array([0.5, 1, 1, 1]), right)] == [1, 3]


def test_terciles_have_the_accuracy_of_all_clips_together() -> None:
    predictions = drawn_predictions(0, 1000, 5)
    right = predictions.likeliest == predictions.labels
    rows = terciles(predictions.probabilities.max(axis=1), right)
    assert [row["clips"] for row in rows] == [334, 333, 333]
    assert sum(row["clips"] * row["accuracy"] for row in rows) == pytest.approx(right.sum())
    assert rows[0]["accuracy"] < rows[1]["accuracy"] < rows[2]["accuracy"]


@settings(max_examples=50)
@given(values=st.lists(st.integers(0, 20), min_size=1, max_size=60), bins=st.integers(1, 15), seed=st.integers(0, 99))
def test_bins_do_not_depend_on_the_order_of_clips(values: list[int], bins: int, seed: int) -> None:
    confidence = np.array(values) / 20
    order = np.random.default_rng(seed).permutation(len(values))
    found = equal_mass_bins(confidence, bins)
    assert equal_mass_bins(confidence[order], bins).tolist() == found[order].tolist()
    assert found.max() < bins
    assert (np.diff(found[np.argsort(confidence)]) >= 0).all()
    assert bin_means(found, confidence)[0].sum() == len(values)


@pytest.mark.parametrize("clips", [15, 16, 29, 100])
def test_bins_are_equally_filled_to_within_one(clips: int) -> None:
    counts = np.bincount(equal_mass_bins(np.random.default_rng(0).random(clips), 15))
    assert len(counts) == 15
    assert counts.max() - counts.min() <= 1
