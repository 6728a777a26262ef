"""Scores of several labels a clip, against scikit-learn; intervals, decisions and the table of predictions."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sklearn_metrics

from training.evaluation.decision import Decision, choose_decision
from training.evaluation.detection import choose_threshold
from training.evaluation.evaluate import Evaluation, evaluate
from training.evaluation.folds import fold_metrics
from training.evaluation.intervals import ScoredClips, observed_means, resampled_scores
from training.evaluation.label_evaluation import chance_map, label_calibration, label_cardinality
from training.evaluation.label_scorer import AVERAGE_PRECISION, LabelScorer
from training.evaluation.label_scores import score_labels
from training.evaluation.linear_baseline import beside, fit_linear, linear_predictions
from training.evaluation.prediction_table import read_predictions, write_predictions
from training.evaluation.predictions import Predictions, averaged
from training.tasks import MULTILABEL

CLASSES = list("abcde")


def drawn(seed: int, clips: int = 80, classes: int = 5, *, ties: bool = False) -> Predictions:
    """Return predictions that are right more often than not; with `ties` many clips share a probability."""
    rng = np.random.default_rng(seed)
    labels = rng.random((clips, classes)) < np.linspace(0.2, 0.6, classes)
    labels[~labels.any(axis=1), 0] = True
    logits = rng.normal(0, 1.5, labels.shape) + 2.0 * (labels - 0.5)
    logits = np.round(logits) if ties else logits
    return Predictions(np.arange(clips), labels, logits.astype(np.float32), MULTILABEL)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_scikit_learn_agrees_with_every_score(seed: int, ties: bool) -> None:
    predictions = drawn(seed, ties=ties)
    decided = predictions.probabilities >= np.linspace(0.3, 0.7, 5)
    truth, probabilities = predictions.labels, predictions.probabilities
    scores = score_labels(predictions, CLASSES, decided)
    expected = {
        "map": sklearn_metrics.average_precision_score(truth, probabilities, average="macro"),
        "macro_roc_auc": sklearn_metrics.roc_auc_score(truth, probabilities, average="macro"),
        "accuracy": sklearn_metrics.accuracy_score(truth, decided),
    }
    for average in ("macro", "micro"):
        for name, score in (
            ("precision", sklearn_metrics.precision_score),
            ("recall", sklearn_metrics.recall_score),
            ("f1", sklearn_metrics.f1_score),
        ):
            expected[f"{average}_{name}"] = score(truth, decided, average=average, zero_division=0)
    losses = [sklearn_metrics.log_loss(truth[:, number], probabilities[:, number]) for number in range(5)]
    expected["loss"] = float(np.mean(losses))
    assert scores.summary == pytest.approx(expected, abs=1e-6)
    by_class = sklearn_metrics.precision_recall_fscore_support(truth, decided, zero_division=0)
    for number, row in enumerate(scores.per_class):
        shares, present = probabilities[:, number], truth[:, number]
        assert row["class"] == CLASSES[number]
        assert [row[name] for name in ("precision", "recall", "f1", "clips")] == pytest.approx(
            [column[number] for column in by_class], abs=1e-6
        )
        assert row["average_precision"] == pytest.approx(
            sklearn_metrics.average_precision_score(present, shares), abs=1e-6
        )
        assert row["roc_auc"] == pytest.approx(sklearn_metrics.roc_auc_score(present, shares), abs=1e-6)
    false = sklearn_metrics.multilabel_confusion_matrix(truth, decided)
    assert np.diag(scores.confusion).tolist() == false[:, 1, 1].tolist()


def test_the_confusion_is_of_wrong_answers() -> None:
    truth = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]], bool)
    decided = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 0]], bool)
    predictions = Predictions(np.arange(3), truth, np.where(decided, 2, -2).astype(np.float32), MULTILABEL)
    confusion = score_labels(predictions, CLASSES[:3], decided).confusion
    assert confusion.tolist() == [[2, 1, 0], [0, 0, 0], [0, 1, 0]]


def test_labels_that_no_test_clip_has_are_left_out_of_the_means() -> None:
    predictions = drawn(0)
    predictions.labels[:, 2] = False
    predictions.labels[:, 1] = True  # of every clip
    scores = score_labels(predictions, CLASSES, predictions.likeliest)
    assert scores.untested == ["c"]
    assert scores.per_class[2]["average_precision"] is None
    assert scores.per_class[1]["average_precision"] == 1
    assert scores.per_class[1]["roc_auc"] is None
    tested = [0, 1, 3, 4]
    precisions = [scores.per_class[number]["average_precision"] for number in tested]
    assert scores.summary["map"] == pytest.approx(np.mean(precisions))
    areas = [scores.per_class[number]["roc_auc"] for number in (0, 3, 4)]
    assert scores.summary["macro_roc_auc"] == pytest.approx(np.mean(areas))


def test_resamples_score_repeated_clips() -> None:
    """A weight of two is the group twice."""
    predictions = drawn(1, ties=True)
    groups = np.arange(80) // 4
    clips = ScoredClips(predictions, predictions.likeliest, groups)
    weights = np.random.default_rng(0).integers(0, 3, (20, 6)).astype(np.float64)
    found = LabelScorer(predictions, clips.decided, groups).score(weights)
    for place, column in enumerate(weights.T):
        repeated = np.repeat(np.arange(80), column[groups].astype(int))
        part = Predictions(repeated, predictions.labels[repeated], predictions.logits[repeated], MULTILABEL)
        expected = score_labels(part, CLASSES, part.likeliest)
        assert {name: found[name][place] for name in expected.summary} == pytest.approx(expected.summary)
        for number, row in enumerate(expected.per_class):
            value = found[AVERAGE_PRECISION.format(number)][place]
            assert value == pytest.approx(row["average_precision"])


def test_observed_scores_and_resamples_are_by_group() -> None:
    predictions = drawn(2)
    clips = ScoredClips(predictions, predictions.likeliest, 7 * (np.arange(80) // 8))
    summary = score_labels(predictions, CLASSES, clips.decided).summary
    observed = observed_means([clips])
    assert {name: observed[name] for name in summary} == pytest.approx(summary)
    values = resampled_scores(clips)["map"]
    assert len(values) == 2000
    assert values.std() > 0


def test_thresholds_are_those_with_the_best_f1_on_validation_clips() -> None:
    validated = drawn(3)
    validated.labels[:, 4] = False
    decision = choose_decision(validated, None, 0.95, 5)
    assert decision.thresholds is not None
    expected = [
        choose_threshold(validated.probabilities[:, number], validated.labels[:, number]) for number in range(4)
    ]
    assert decision.thresholds == (*expected, 0.5)  # nothing to choose the last one by
    assert (decision.temperature, decision.limit, decision.positive) == (None, None, None)
    assert choose_decision(None, None, 0.95, 3) == Decision(thresholds=(0.5, 0.5, 0.5))
    answers = decision.classes(validated)
    assert (answers == (validated.probabilities >= decision.thresholds)).all()
    shares = np.where(answers, validated.probabilities, 1 - validated.probabilities)
    assert decision.confidence(validated) == pytest.approx(shares.min(axis=1))


def evaluated(seed: int, validated: Predictions | None) -> Evaluation:
    return evaluate(
        drawn(seed),
        validated,
        classes=CLASSES,
        positive=None,
        groups=np.arange(80) // 4,
        train_labels=drawn(9).labels,
        sure_accuracy=0.95,
    )


def test_an_evaluation_has_what_means_something_for_several_labels() -> None:
    validated = drawn(4)
    summary = evaluated(5, validated).summary
    assert summary["task"] == "multilabel"
    assert summary["thresholds"].keys() == set(CLASSES)
    assert summary["validation_map"] == pytest.approx(
        sklearn_metrics.average_precision_score(validated.labels, validated.probabilities)
    )
    for name in ("map", "macro_f1", "micro_f1", "accuracy", "loss", "macro_roc_auc"):
        low, high = summary["intervals"][name]
        assert low <= summary[name] <= high
    for row in summary["per_class"]:
        low, high = row["average_precision_interval"]
        assert low <= row["average_precision"] <= high
    assert not any(name.startswith("average_precision") for name in summary["intervals"])
    assert not summary.keys() & {"confusion", "not_sure", "distributions", "terciles", "top5_accuracy"}
    truth = drawn(5).labels
    assert summary["label_cardinality"]["truth"] == pytest.approx(truth.sum() / 80)
    assert summary["baseline"] == {"map": pytest.approx(truth.mean(axis=0).mean())}
    assert "validation_map" not in evaluated(5, None).summary


def test_chance_is_what_random_answers_have() -> None:
    labels = drawn(6, clips=4000).labels
    logits = np.random.default_rng(0).normal(size=labels.shape).astype(np.float32)
    predictions = Predictions(np.arange(4000), labels, logits, MULTILABEL)
    found = score_labels(predictions, CLASSES, predictions.likeliest).summary["map"]
    assert found == pytest.approx(chance_map(labels), abs=0.02)


def test_probabilities_by_which_labels_are_drawn_are_calibrated() -> None:
    logits = np.random.default_rng(7).normal(0, 1.5, (4000, 3)).astype(np.float32)
    labels = np.random.default_rng(8).random(logits.shape) < MULTILABEL.probabilities(logits)
    predictions = Predictions(np.arange(4000), labels, logits, MULTILABEL)
    calibration = label_calibration(predictions)
    assert calibration["ece"] < 0.02
    assert calibration["classwise_ece"] < 0.03
    sharper = Predictions(predictions.rows, labels, 3 * logits, MULTILABEL)
    assert label_calibration(sharper)["ece"] > 0.05
    cardinality = label_cardinality(ScoredClips(predictions, predictions.likeliest, predictions.rows))
    assert cardinality == {"truth": labels.sum() / 4000, "answered": (logits > 0).sum() / 4000}


def test_folds_together_have_the_means_of_their_areas() -> None:
    evaluations = [evaluated(seed, drawn(seed + 10)) for seed in (0, 1)]
    results = [{**one.summary, "classes": CLASSES, "store": "s"} for one in evaluations]
    metrics = fold_metrics([1, 2], results, evaluations)
    assert metrics["task"] == "multilabel"
    assert metrics["test_recordings"] == 160
    assert metrics["mean"]["map"] == pytest.approx(np.mean([result["map"] for result in results]))
    low, high = metrics["intervals"]["map"]
    assert low < metrics["mean"]["map"] < high
    for number, row in enumerate(metrics["per_class"]):
        parts = [result["per_class"][number] for result in results]
        assert row["average_precision"] == pytest.approx(np.mean([part["average_precision"] for part in parts]))
        assert row["clips"] == sum(part["clips"] for part in parts)
    assert metrics["label_confusion"] == np.sum([result["label_confusion"] for result in results], axis=0).tolist()


def test_segments_of_a_recording_have_the_mean_of_their_probabilities() -> None:
    predictions = drawn(0, clips=4)
    predictions.labels[1] = predictions.labels[0]
    whole, names = averaged(predictions, ["x", "x", "y", "z"])
    assert names == ["x", "y", "z"]
    assert whole.labels.tolist() == predictions.labels[[0, 2, 3]].tolist()
    mean = predictions.probabilities[:2].mean(axis=0)
    assert whole.probabilities[0] == pytest.approx(mean, abs=1e-6)


def test_predictions_are_read_as_they_were_written(tmp_path: Path) -> None:
    predictions = drawn(1, clips=6)
    clips = ScoredClips(predictions, predictions.likeliest, np.array([0, 0, 1, 1, 2, 2]))
    clips.decided[3] = False  # no label at all
    names, groups = [f"{number}.wav" for number in range(6)], pa.chunked_array([list("xxyyzz")])
    write_predictions(tmp_path / "p.parquet", clips, names, groups, CLASSES)
    found = read_predictions(tmp_path / "p.parquet")
    assert found.clips.predictions.task is MULTILABEL
    assert found.clips.predictions.labels.tolist() == predictions.labels.tolist()
    assert found.clips.decided.tolist() == clips.decided.tolist()
    assert observed_means([found.clips]) == pytest.approx(observed_means([clips]), nan_ok=True)
    again = ScoredClips(drawn(1, clips=6), predictions.likeliest, clips.groups)
    write_predictions(tmp_path / "q.parquet", again, names, groups, ["other", *CLASSES[1:]])
    assert read_predictions(tmp_path / "q.parquet").identity != found.identity


def test_the_baseline_learns_each_label_by_itself() -> None:
    rng = np.random.default_rng(3)
    numbers = rng.normal(size=(200, 6))
    labels = np.stack([numbers[:, 0] + numbers[:, 1] > 0, numbers[:, 2] > 0.5, np.ones(200, bool)], axis=1)
    model = fit_linear(numbers, labels, 1.0, None, MULTILABEL)
    predictions = linear_predictions(model, np.arange(200), labels, numbers, MULTILABEL)
    assert predictions.probabilities[:, 2] == pytest.approx(np.ones(200))  # a label of every clip
    clips = ScoredClips(predictions, predictions.likeliest, np.arange(200))
    section = beside([clips], [clips])
    assert section["map"] > 0.97
    assert section["differences"] == {"map": 0, "macro_roc_auc": 0, "micro_f1": 0, "accuracy": 0}
    weights = [[0.5, 0.5, 0.5], [5.0, 5.0, 5.0]]
    weighted = linear_predictions(
        fit_linear(numbers, labels, 1.0, weights, MULTILABEL), np.arange(200), labels, numbers
    )
    assert weighted.logits.shape == (200, 3)
    more = fit_linear(numbers, labels, 1.0, weights, MULTILABEL).predict_proba(numbers)
    assert more[:, 1].mean() > predictions.probabilities[:, 1].mean()
