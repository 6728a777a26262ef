"""Answers of windows and recordings, and segments of neighbouring windows with one class."""

import numpy as np
import pytest

from training.evaluation.decision import Decision
from training.evaluation.predictions import Predictions, averaged
from training.inference.answers import Heard, Judge, Prediction
from training.tasks import MULTICLASS

CLASSES = ("a", "b")
LOGITS = np.log(np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]], np.float32))


def heard(weight: list[float] | None = None, start_s: list[float] | None = None) -> Heard:
    start = np.arange(4.0) if start_s is None else np.array(start_s)
    return Heard(start, start + 1, np.ones(4) if weight is None else np.array(weight), LOGITS)


def answer(decision: Decision | None = None, **options: list[float]) -> Prediction:
    return Judge(CLASSES, decision or Decision(), "v").prediction(heard(**options))


def test_a_recording_has_the_mean_probabilities_of_its_windows_as_in_the_evaluation() -> None:
    unknown = np.zeros(4, np.int64)
    expected, _ = averaged(Predictions(unknown, unknown, LOGITS), ["one"] * 4)
    assert list(answer().probabilities.values()) == pytest.approx(expected.probabilities[0].tolist(), abs=1e-9)
    assert answer().class_name == "a"
    weighted = answer(weight=[1, 1, 1, 0.5])
    assert weighted.probabilities["a"] == pytest.approx((0.9 + 0.6 + 0.2 + 0.35) / 3.5, abs=1e-6)


def test_a_threshold_decides_for_windows_and_recordings() -> None:
    judged = answer(Decision(positive=1, threshold=0.35, temperature=2.0, limit=0.6))
    assert [segment.class_name for segment in judged.segments] == ["a", "b", "b", "a"]
    assert judged.class_name == "b"  # 0.4 of the mean
    scaled = np.sqrt([0.9, 0.1]) / np.sqrt([0.9, 0.1]).sum()
    assert judged.segments[0].confidence == pytest.approx(scaled[0], abs=1e-6)
    assert [segment.sure for segment in judged.segments] == [True, False, True, True]
    assert judged.segments[0].probabilities["a"] == pytest.approx(0.9)  # without the temperature
    assert all(segment.sure for segment in answer().segments)


def test_neighbouring_windows_of_one_class_are_joined() -> None:
    joined = answer().merged()
    assert [(one.class_name, one.start_s, one.end_s) for one in joined.segments] == [
        ("a", 0, 2),
        ("b", 2, 3),
        ("a", 3, 4),
    ]
    assert joined.segments[0].probabilities["a"] == pytest.approx(0.75, abs=1e-6)
    assert joined.probabilities == answer().probabilities
    assert joined.merged().described() == joined.described()
    apart = answer(start_s=[0, 5, 10, 15]).merged()  # between which nothing was heard
    assert [(one.start_s, one.end_s) for one in apart.segments] == [(0, 1), (5, 6), (10, 11), (15, 16)]
    overlapping = answer(start_s=[0, 0.5, 1, 1.5]).merged()
    assert [(one.start_s, one.end_s) for one in overlapping.segments] == [(0, 1.5), (1, 2), (1.5, 2.5)]


def test_the_json_form_has_seven_digits() -> None:
    described = answer().described()
    assert list(described) == ["class", "sure", "confidence", "probabilities", "model_version", "segments"]
    assert list(described["segments"][0]) == ["start_s", "end_s", "class", "sure", "confidence", "probabilities"]
    assert described["probabilities"]["a"] == pytest.approx(0.6, abs=1e-7)
    assert len(repr(described["probabilities"]["b"])) <= 9
    np.testing.assert_allclose(MULTICLASS.probabilities(LOGITS), np.exp(LOGITS), rtol=1e-6)


def test_a_ready_made_spectrogram_has_no_place_in_time() -> None:
    zero = np.zeros(1)
    alone = Judge(CLASSES, Decision(), "v").prediction(Heard(zero, zero, np.ones(1), LOGITS[:1]))
    assert alone.described()["segments"] == []
