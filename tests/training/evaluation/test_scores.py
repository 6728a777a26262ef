"""Scores of predictions whose scores are known."""

import numpy as np
import pytest

from training.evaluation.predictions import Predictions
from training.evaluation.scores import score


def test_scores_of_known_predictions() -> None:
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8], [0.2, 0.5, 0.3]], dtype=np.float32))
    scores = score(Predictions(np.arange(4), np.array([0, 1, 2, 1]), logits), ["x", "y", "z"])
    assert scores.summary == {
        "accuracy": 0.75,
        "top5_accuracy": 1,
        "macro_precision": pytest.approx((1 / 2 + 1 + 1) / 3),
        "macro_recall": pytest.approx((1 + 1 / 2 + 1) / 3),
        "macro_f1": pytest.approx((2 / 3 + 2 / 3 + 1) / 3),
        "loss": pytest.approx(-np.mean(np.log([0.7, 0.3, 0.8, 0.5])), rel=1e-5),
    }
    assert scores.confusion.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert scores.decided.tolist() == [0, 0, 2, 1]
    assert scores.per_class == [
        {"class": "x", "precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "clips": 1},
        {"class": "y", "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "clips": 2},
        {"class": "z", "precision": 1.0, "recall": 1.0, "f1": 1.0, "clips": 1},
    ]


def test_the_sixth_likeliest_of_seven_classes_is_not_among_five() -> None:
    logits = np.tile(np.arange(7, 0, -1, dtype=np.float32), (8, 1))
    labels = np.array([0, 0, 0, 1, 4, 5, 6, 6])
    assert score(Predictions(np.arange(8), labels, logits), list("abcdefg")).summary["top5_accuracy"] == 5 / 8
