"""Notices say what a user would want to know, and are silent otherwise."""

from typing import Any

import numpy as np
import pytest

from training.evaluation.evaluate import evaluate
from training.evaluation.predictions import Predictions
from training.report.notices import notice_panels, notices

BETTER = {"verdicts": {"accuracy": "better"}}  # the network than its baseline


def metrics(*losses: float, **more: Any) -> dict[str, Any]:
    history = [{"epoch": number, "validation_loss": loss} for number, loss in enumerate(losses)]
    return {"history": history, "linear_baseline": BETTER, **more}


def test_a_run_that_learns_has_none() -> None:
    for quiet in (metrics(1.0, 0.5, 0.7), metrics(1.0), metrics(1.0, 0.9, unpredicted=[])):
        assert notices(quiet) == []
        assert notice_panels(quiet) == []
    unvalidated = {"history": [{"train_loss": 1.0}, {"train_loss": 2.0}], "linear_baseline": BETTER}
    assert notices(unvalidated) == []


def test_a_loss_that_never_improved() -> None:
    (sentence,) = notices(metrics(1.0, 1.0, 1.5))
    assert sentence.startswith("The validation loss never improved on that of the first of 3 epochs (1.000); lower ")
    (sentence,) = notices(metrics(float("nan"), float("nan")))
    assert "(no finite number)" in sentence


def test_classes_that_are_never_predicted_are_named_a_few_at_most() -> None:
    assert notices(metrics(1.0, 0.5, unpredicted=["a", "b"])) == ["No validation clip is predicted as a, b."]
    (sentence,) = notices(metrics(1.0, 0.5, unpredicted=list("abcdefgh")))
    assert sentence == "No validation clip is predicted as a, b, c, d, e or 3 more classes."
    (panel,) = notice_panels(metrics(1.0, 0.5, unpredicted=["a"]))
    assert panel.note == "No validation clip is predicted as a."


@pytest.mark.parametrize("positive", [None, 1])
def test_unpredicted_classes_have_clips_that_validate(positive: int | None) -> None:
    """The last of three classes has no validation clip; a detector's two are decided by its threshold."""
    classes = "abc" if positive is None else "ab"
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    logits = np.zeros((8, len(classes)), np.float32)
    logits[:, 0] = 5.0
    predictions = Predictions(np.arange(8), labels, logits)
    options: dict[str, Any] = {"groups": np.arange(8), "train_labels": labels, "sure_accuracy": 0.95}
    summary = evaluate(predictions, predictions, classes=list(classes), positive=positive, **options).summary
    assert "c" not in summary["unpredicted"]
    assert len(summary["unpredicted"]) == 1
    assert "unpredicted" not in evaluate(predictions, None, classes=list(classes), positive=positive, **options).summary


@pytest.mark.parametrize("folds", [False, True])
def test_a_baseline_that_is_better_is_named(folds: bool) -> None:
    scores = {"accuracy": 0.9, "roc_auc": 0.8}
    verdicts = {"accuracy": "better", "macro_recall": "worse", "roc_auc": "better"}

    def told(**changed: str) -> list[str]:
        section = {"accuracy": 0.85, "roc_auc": 0.95, "verdicts": verdicts | changed}
        of_network = {"mean": scores} if folds else scores | {"history": []}
        return notices(of_network | {"linear_baseline": section})

    regression = "a logistic regression on means and standard deviations of the stored rows."
    assert told() == []  # the balanced accuracy is in the table alone
    assert told(accuracy="cannot be told apart") == []
    both = "By accuracy (0.900 against 0.850) and ROC-AUC (0.800 against 0.950) the network is worse than"
    assert told(accuracy="worse", roc_auc="worse") == [f"{both} {regression}"]
    assert told(roc_auc="worse") == [f"By ROC-AUC (0.800 against 0.950) the network is worse than {regression}"]
