"""The baseline against scikit-learn as its users call it, and what it is chosen and compared by."""

from pathlib import Path

import numpy as np
import pytest
from predicted import drawn_predictions, scored_clips
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score
from stores_of import random_store
from threadpoolctl import threadpool_limits

from training.evaluation import linear_baseline
from training.evaluation.differences import paired_differences
from training.evaluation.linear_baseline import (
    C_VALUES,
    UNVALIDATED_C,
    LinearModel,
    beside,
    choose_linear,
    fit_linear,
    learned_places,
    linear_predictions,
)
from training.evaluation.predictions import Predictions
from training.evaluation.row_statistics import row_statistics
from training.stream import ClipStream


def drawn(seed: int, clips: int = 90, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers `(clips, 8)` float32 of different sizes, one of them constant, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(clips) % classes
    numbers = rng.normal(0, 1, (clips, 8)) + 0.7 * np.eye(8)[labels]
    numbers[:, 7] = 3
    return (numbers * 10.0 ** np.arange(-3, 5)).astype(np.float32), labels


def predicted(model: LinearModel, numbers: np.ndarray, labels: np.ndarray) -> Predictions:
    return linear_predictions(model, np.arange(len(labels)), labels, numbers)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_probabilities_are_those_of_scikit_learn(classes: int, weighted: bool) -> None:
    numbers, labels = drawn(0, classes=classes)
    others, truth = drawn(1, classes=classes)
    weights = [0.5, 2.0, 1.0][:classes] if weighted else None
    found = predicted(fit_linear(numbers, labels, 0.1, weights), others, truth)
    mean, deviation = numbers.astype(np.float64).mean(axis=0), numbers.astype(np.float64).std(axis=0)
    deviation[7] = 1
    plain = LogisticRegression(
        C=0.1, max_iter=2000, tol=1e-8, class_weight=dict(enumerate(weights)) if weights else None
    ).fit((numbers - mean) / deviation, labels)
    assert found.probabilities == pytest.approx(plain.predict_proba((others - mean) / deviation), abs=2e-3)
    assert np.array_equal(found.labels, truth)
    assert 0.5 < (found.likeliest == truth).mean() < 1


def test_equal_clips_give_equal_bytes_with_any_number_of_threads() -> None:
    numbers, labels = drawn(0, 400)
    results = []
    for threads in (1, 2, 2):
        with threadpool_limits(limits=threads):
            results.append(predicted(fit_linear(numbers, labels, 1.0, None), numbers, labels).logits)
    assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()


def test_classes_that_differ_in_their_deviation_over_time_alone_are_told_apart(tmp_path: Path) -> None:
    store = random_store(tmp_path / "store", 80, (4, 60, 1), deviations=(1.0, 1.4))
    labels = np.arange(80) % 2
    numbers = row_statistics(ClipStream(store, range(80), labels, batch_size=16))
    accuracy = []
    for columns in (slice(None), slice(4)):  # all, and the means alone
        model = fit_linear(numbers[:40, columns], labels[:40], 0.1, None)
        accuracy.append((predicted(model, numbers[40:, columns], labels[40:]).likeliest == labels[40:]).mean())
    assert accuracy[0] > 0.95
    assert accuracy[1] < 0.75


def test_the_regularisation_is_that_of_the_lowest_validation_loss() -> None:
    (numbers, labels), (others, truth) = drawn(0), drawn(1)
    models = {c: fit_linear(numbers, labels, c, None) for c in C_VALUES}
    c, model = choose_linear(models.__getitem__, lambda model: predicted(model, others, truth))
    losses = {c: log_loss(truth, model.predict_proba(others)) for c, model in models.items()}
    assert c == min(losses, key=losses.__getitem__)
    assert C_VALUES[0] < c < C_VALUES[-1]
    assert model is models[c]
    assert list(C_VALUES) == sorted(C_VALUES)
    same = drawn_predictions(0, 10, 2)
    assert choose_linear(models.__getitem__, lambda model: same)[0] == C_VALUES[0]  # the strongest of equal ones


def test_without_validation_it_is_given() -> None:
    asked: list[float] = []
    assert choose_linear(asked.append, None) == (UNVALIDATED_C, None)
    assert asked == [UNVALIDATED_C]
    assert UNVALIDATED_C in C_VALUES


def test_of_many_clips_some_of_each_class_are_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0, 1, 2], [3000, 999, 1]))
    assert np.array_equal(learned_places(labels), np.arange(4000))
    monkeypatch.setattr(linear_baseline, "MOST_CLIPS", 400)
    places = learned_places(labels)
    assert np.bincount(labels[places]) == pytest.approx([300, 100, 1], abs=1)
    assert (np.diff(places) > 0).all()
    assert np.array_equal(places, learned_places(labels))


@pytest.mark.parametrize("positive", [None, 1])
def test_a_network_stands_beside_it_on_the_same_clips(positive: int | None) -> None:
    network, baseline = (
        scored_clips(drawn_predictions(0, 120, 2, signal=signal), np.arange(120) // 3, positive) for signal in (4, 1)
    )
    found, truth = beside([network], [baseline]), network.predictions.labels
    between = paired_differences(network, baseline)
    assert found["macro_recall"] == pytest.approx(balanced_accuracy_score(truth, baseline.decided))
    assert found["accuracy"] == pytest.approx((truth == baseline.decided).mean())
    if positive is not None:
        probabilities = baseline.predictions.probabilities[:, 1]
        assert found["roc_auc"] == pytest.approx(roc_auc_score(truth, probabilities))
    scores = ["accuracy", "macro_recall"] + ([] if positive is None else ["roc_auc"])
    assert list(found) == [*scores, "differences", "difference_intervals", "verdicts"]
    for name in scores:
        assert found["differences"][name] == between[name].difference > 0
        assert found["difference_intervals"][name] == [between[name].low, between[name].high]
    assert found["verdicts"] == dict.fromkeys(scores, "better")
    assert beside([baseline], [network])["verdicts"] == dict.fromkeys(scores, "worse")
    assert beside([network], [network])["verdicts"] == dict.fromkeys(scores, "cannot be told apart")


def test_one_group_leaves_a_difference_without_an_interval() -> None:
    network, baseline = (scored_clips(drawn_predictions(seed, 40, 3), np.zeros(40, np.int64)) for seed in (0, 1))
    found = beside([network], [baseline])
    assert found["differences"].keys() == found["verdicts"].keys() == {"accuracy", "macro_recall"}
    assert found["difference_intervals"] == {}
    assert set(found["verdicts"].values()) == {"cannot be told apart"}
