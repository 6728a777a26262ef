"""Calibration against plain loops and torchmetrics, and temperatures that are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from predicted import calibrated_predictions, drawn_predictions
from torchmetrics.functional.classification import multiclass_calibration_error

from training.evaluation.calibration import (
    calibration,
    calibration_error,
    fit_temperature,
    reliability,
    with_temperature,
)
from training.evaluation.predictions import Predictions, averaged
from training.evaluation.scores import losses


def loop_error(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    """Return the calibration error of bins that are filled one after another; there are no ties."""
    order = sorted(range(len(confidence)), key=lambda clip: confidence[clip])
    error = 0.0
    for number in range(bins):
        inside = [clip for rank, clip in enumerate(order) if rank * bins // len(order) == number]
        if inside:
            accuracy = sum(bool(right[clip]) for clip in inside) / len(inside)
            error += abs(sum(confidence[clip] for clip in inside) / len(inside) - accuracy) * len(inside)
    return error / len(order)


@pytest.mark.parametrize("clips", [1, 7, 15, 200])
def test_errors_are_those_of_plain_loops(clips: int) -> None:
    predictions = drawn_predictions(0, clips, 4)
    probabilities, labels = predictions.probabilities, predictions.labels
    right = probabilities.argmax(axis=1) == labels
    found = calibration(predictions)
    assert found["ece"] == pytest.approx(loop_error(probabilities.max(axis=1), right, 15))
    by_class = [loop_error(probabilities[:, number], labels == number, 15) for number in range(4)]
    assert found["classwise_ece"] == pytest.approx(np.mean(by_class))
    assert found.keys() == {"ece", "classwise_ece", "reliability"}


def test_bins_of_equal_clips_and_of_equal_width_agree_where_both_have_one_clip_at_a_time() -> None:
    """Torchmetrics has bins of equal width: of clips whose confidences fill these evenly they are the same."""
    rng = np.random.default_rng(0)
    confidence = (np.arange(150) + 0.5) / 150 / 2 + 0.5  # of two classes, from 0.5 up
    labels = (rng.random(150) > confidence).astype(np.int64)
    probabilities = torch.from_numpy(np.stack([confidence, 1 - confidence], axis=1))
    expected = multiclass_calibration_error(probabilities, torch.from_numpy(labels), 2, n_bins=30, norm="l1")
    assert calibration_error(confidence, labels == 0) == pytest.approx(float(expected), abs=1e-6)


def test_clips_of_one_confidence_are_one_point() -> None:
    right = np.array([True, False, True, True])
    assert reliability(np.full(4, 0.9), right) == [{"clips": 4, "confidence": pytest.approx(0.9), "accuracy": 0.75}]
    assert calibration_error(np.full(4, 0.9), right) == pytest.approx(0.15)
    assert calibration_error(np.ones(4), np.ones(4, bool)) == 0


def test_the_points_of_the_diagram_are_those_of_the_error() -> None:
    found = calibration(drawn_predictions(1, 500, 3))
    points = found["reliability"]
    assert len(points) == 15
    error = sum(point["clips"] * abs(point["confidence"] - point["accuracy"]) for point in points) / 500
    assert found["ece"] == pytest.approx(error)


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_the_temperature_is_the_factor_of_the_logits(factor: float) -> None:
    predictions = calibrated_predictions(0, 20_000, 5)
    scaled = replace(predictions, logits=predictions.logits * np.float32(factor))
    temperature = fit_temperature(scaled)
    assert temperature == pytest.approx(factor, rel=0.03)
    assert temperature == pytest.approx(factor * fit_temperature(predictions), rel=1e-4)
    found = calibration(scaled, with_temperature(scaled, temperature))
    assert found["ece_calibrated"] < 0.02
    assert found["classwise_ece_calibrated"] < 0.02
    assert len(found["reliability_calibrated"]) == 15
    if factor != 1:
        assert found["ece"] > 0.1
        assert found["loss_calibrated"] < losses(scaled).mean()


@pytest.mark.parametrize("clips", [3, 40])
def test_no_other_temperature_has_a_lower_loss(clips: int) -> None:
    predictions = drawn_predictions(3, clips, 3, signal=0.5)
    best = losses(with_temperature(predictions, fit_temperature(predictions))).mean()
    others = [losses(with_temperature(predictions, other)).mean() for other in np.geomspace(0.01, 100, 200)]
    assert best <= min(others) * (1 + 1e-6)


def test_clips_that_are_all_right_say_nothing_of_the_temperature() -> None:
    predictions = drawn_predictions(0, 12, 3, signal=20.0)
    assert (predictions.likeliest == predictions.labels).all()
    assert fit_temperature(predictions) == 1
    assert fit_temperature(Predictions(np.arange(1), np.array([1]), np.float32([[0, 1]]))) == 1


def test_clips_that_are_all_wrong_have_the_highest_temperature() -> None:
    predictions = Predictions(np.arange(2), np.array([1, 0]), np.float32([[3, 0], [0, 3]]))
    assert fit_temperature(predictions) == pytest.approx(100, rel=1e-3)


def test_a_temperature_is_of_the_mean_probabilities_of_a_recording() -> None:
    """Segments are averaged first, then divided: a temperature changes no answer."""
    predictions = drawn_predictions(4, 400, 3, signal=0.7)
    labels = np.repeat(predictions.labels[::4], 4)
    recordings, _ = averaged(replace(predictions, labels=labels), [f"{number // 4:03}" for number in range(400)])
    temperature = fit_temperature(recordings)
    found = with_temperature(recordings, temperature)
    means = predictions.probabilities.reshape(100, 4, 3).mean(axis=1)
    powers = means ** (1 / temperature)
    np.testing.assert_allclose(found.probabilities, powers / powers.sum(axis=1, keepdims=True), rtol=1e-5)
    assert (found.likeliest == recordings.likeliest).all()
    assert losses(found).mean() <= losses(recordings).mean()
