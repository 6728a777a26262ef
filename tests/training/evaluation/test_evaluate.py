"""Evaluation of runs: what each number is of."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from predicted import drawn_predictions, scored_clips
from sklearn.metrics import roc_auc_score

from training.evaluation.calibration import calibration, fit_temperature, with_temperature
from training.evaluation.detection import detect_across
from training.evaluation.evaluate import Evaluation, evaluate
from training.evaluation.folds import fold_metrics
from training.evaluation.intervals import mean_intervals, score_intervals
from training.evaluation.predictions import Predictions
from training.evaluation.scores import losses, score

SECTIONS = ["intervals", "distributions", "terciles", "calibration", "not_sure", "baseline", "untested"]


def evaluation(
    tested: Predictions,
    validated: Predictions | None = None,
    *,
    positive: int | None = None,
    groups: np.ndarray | None = None,
    train_labels: Sequence[int] = (0, 1, 1),
) -> Evaluation:
    return evaluate(
        tested,
        validated,
        classes="abcdefg"[: tested.logits.shape[1]],
        positive=positive,
        groups=np.arange(1000) if groups is None else groups,
        train_labels=np.array(train_labels),
        sure_accuracy=0.9,
    )


def test_test_clips_are_scored_by_what_validation_chose() -> None:
    tested, validated = (drawn_predictions(seed, 200, 3) for seed in (0, 1))
    found = evaluation(tested, validated).summary
    assert [name for name in found if name in SECTIONS] == SECTIONS
    temperature = fit_temperature(validated)
    expected = {"temperature": temperature} | calibration(tested, with_temperature(tested, temperature))
    assert found["calibration"] == expected
    assert found["intervals"] == score_intervals(scored_clips(tested))
    confidence = with_temperature(tested, temperature).probabilities.max(axis=1)
    sure = confidence > found["not_sure"]["limit"]
    right = tested.likeliest == tested.labels
    assert found["not_sure"]["coverage"] == pytest.approx(sure.mean())
    assert found["not_sure"]["accuracy"] == pytest.approx(right[sure].mean())
    assert found["baseline"] == {"class": "b", "accuracy": pytest.approx((tested.labels == 1).mean())}
    assert found["validation_accuracy"] == pytest.approx((validated.likeliest == validated.labels).mean())
    assert found["validation_loss"] == pytest.approx(losses(validated).mean())
    assert found["per_class"] == score(tested, list("abc")).per_class
    assert sum(row["clips"] * row["accuracy"] for row in found["terciles"]) == pytest.approx(right.sum())
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_groups_are_those_of_the_rows() -> None:
    tested = replace(drawn_predictions(0, 30, 3), rows=np.arange(30) * 3 + 1)
    groups = np.repeat(np.arange(250), 4)
    assert evaluation(tested, groups=groups).clips.groups.tolist() == [row // 4 for row in tested.rows]


@pytest.mark.parametrize("positive", [0, 1])
def test_a_detector_is_scored_by_its_threshold(positive: int) -> None:
    tested, validated = (drawn_predictions(seed, 120, 2, signal=1.0) for seed in (0, 1))
    groups = np.arange(1000) // 2
    found = evaluation(tested, validated, positive=positive, groups=groups)
    threshold, probabilities = found.decision.threshold, tested.probabilities[:, positive]
    called, truth = probabilities >= threshold, tested.labels == positive
    assert found.summary["roc_auc"] == pytest.approx(roc_auc_score(truth, probabilities))
    assert found.summary["threshold"] == threshold
    assert found.summary["accuracy"] == pytest.approx((called == truth).mean())
    assert found.summary["distributions"]["confidence"]["wrong"] == pytest.approx(
        tested.probabilities.max(axis=1)[called != truth].mean()
    )
    assert found.summary["intervals"].keys() >= {"roc_auc", "pauc", "pr_auc", "precision", "recall", "f1", "accuracy"}
    truth = validated.labels == positive
    across = detect_across(validated.probabilities[:, positive], truth, groups[:120])
    assert found.summary["validation_accuracy"] == pytest.approx((across == truth).mean())
    assert found.detection is not None
    assert found.detection.points[0].demand == "best F1 on validation"
    json.dumps(found.summary, allow_nan=False)


def test_without_validation_the_likelier_of_two_classes_counts() -> None:
    logits = np.array([[2, 0], [0, 1], [0.1, 0], [0, 3]], np.float32)
    found = evaluation(Predictions(np.arange(4), np.array([0, 1, 1, 0]), logits), positive=0)
    assert found.detection is not None
    assert found.detection.points[0].demand == "more likely than not, since no clip validates"
    assert found.summary["threshold"] == 0.5
    assert found.scores.confusion.tolist() == [[1, 1], [1, 1]]
    assert found.summary["calibration"].keys() == {"temperature", "ece", "classwise_ece", "reliability"}
    assert found.summary["calibration"]["temperature"] is None
    assert found.summary["not_sure"] == {"limit": None, "coverage": 1, "accuracy": 0.5}
    assert not [name for name in found.summary if name.startswith("validation")]


@pytest.mark.parametrize("clips", [1, 2, 40])
def test_few_clips_and_classes_that_no_clip_is_of(clips: int) -> None:
    tested = drawn_predictions(0, clips, 7)
    tested = replace(tested, labels=np.minimum(tested.labels, 3))
    found = evaluation(tested, tested).summary
    assert found["untested"][-3:] == ["e", "f", "g"]
    assert bool(found["intervals"]) == (clips > 1)
    json.dumps(found, allow_nan=False)


def test_what_is_all_right_or_all_wrong_is_said_without_division_by_zero() -> None:
    right = drawn_predictions(0, 20, 2, signal=40.0)
    wrong = replace(right, labels=1 - right.labels)
    found = evaluation(right, right, positive=1).summary
    assert found["intervals"]["f1"] == [1, 1]
    assert found["not_sure"]["coverage"] == 1
    assert found["distributions"]["margin"]["wrong"] is None
    found = evaluation(wrong, wrong).summary
    assert found["not_sure"] == {"limit": 1, "coverage": 0, "accuracy": None}
    assert found["distributions"]["margin"]["right"] is None
    json.dumps(found, allow_nan=False)


def folds_of(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    results = [one.summary | {"classes": list("abc"), "store": "s"} for one in evaluations]
    return fold_metrics([1, 2], results, evaluations)


def test_folds_have_means_of_numbers_and_pool_what_is_of_clips() -> None:
    evaluations = [
        evaluation(drawn_predictions(seed, 60, 3), drawn_predictions(seed + 9, 60, 3, signal=1.0)) for seed in (0, 1)
    ]
    metrics, single = folds_of(evaluations), [one.summary for one in evaluations]
    assert (metrics["classes"], metrics["store"]) == (list("abc"), "s")
    for name in ("accuracy", "loss", "validation_accuracy"):
        assert metrics["mean"][name] == pytest.approx(np.mean([one[name] for one in single]))
        assert metrics["sd"][name] == pytest.approx(np.std([one[name] for one in single]))
    for section, name in (("calibration", "ece"), ("calibration", "temperature"), ("not_sure", "coverage")):
        assert metrics["mean"][section][name] == pytest.approx(np.mean([one[section][name] for one in single]))
    assert metrics["mean"]["baseline"].keys() == {"accuracy"}
    assert not metrics["mean"].keys() & {"intervals", "terciles", "per_class", "classes", "store"}
    assert metrics["intervals"] == mean_intervals([one.clips for one in evaluations])
    pooled = Predictions(
        *(np.concatenate([getattr(one.clips.predictions, name) for one in evaluations])
          for name in ("rows", "labels", "logits"))
    )  # fmt: skip
    right = pooled.likeliest == pooled.labels
    assert sum(row["clips"] for row in metrics["terciles"]) == 120
    confidence = pooled.probabilities.max(axis=1)
    assert metrics["distributions"]["confidence"]["right"] == pytest.approx(confidence[right].mean())
    parts = [one.decision.calibrated(one.clips.predictions).logits for one in evaluations]
    assert metrics["calibration"] == calibration(pooled, replace(pooled, logits=np.concatenate(parts)))
    assert "temperature" not in metrics["calibration"]
    assert metrics["confusion"] == score(pooled, list("abc")).confusion.tolist()
    json.dumps(metrics, allow_nan=False)


def test_folds_without_validation_are_not_calibrated() -> None:
    metrics = folds_of([evaluation(drawn_predictions(seed, 30, 3)) for seed in (0, 1)])
    assert metrics["calibration"].keys() == {"ece", "classwise_ece", "reliability"}
    assert metrics["mean"]["not_sure"].keys() == {"coverage", "accuracy"}
    assert "temperature" not in metrics["mean"]["calibration"]


def test_a_number_that_one_fold_lacks_has_no_mean() -> None:
    evaluations = [evaluation(drawn_predictions(seed, 30, 3)) for seed in (0, 1)]
    evaluations[1].summary["not_sure"]["accuracy"] = None
    metrics = folds_of(evaluations)
    assert metrics["mean"]["not_sure"].keys() == {"coverage"}
