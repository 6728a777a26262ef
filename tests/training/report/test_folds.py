"""Means, deviations and the page of several folds together."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.evaluation.decision import Decision
from training.evaluation.evaluate import Evaluation
from training.evaluation.folds import fold_metrics
from training.evaluation.intervals import ScoredClips
from training.evaluation.linear_baseline import beside
from training.evaluation.predictions import Predictions
from training.evaluation.scores import score
from training.report.folds import write_folds


def fold(confusion: list[list[int]]) -> Evaluation:
    """Return the evaluation of clips that give a confusion matrix."""
    counts = np.array(confusion).ravel()
    labels, decided = (np.repeat(numbers, counts) for numbers in ([0, 0, 1, 1], [0, 1, 0, 1]))
    predictions = Predictions(np.arange(len(labels)), labels, 5 * np.eye(2, dtype=np.float32)[decided])
    scores = score(predictions, ["a", "b"])
    clips = ScoredClips(predictions, decided, np.arange(len(labels)))
    summary: dict[str, Any] = scores.summary | {"confusion": scores.confusion.tolist()}
    return Evaluation(clips, Decision(), scores, None, summary)


def written(folder: Path, evaluations: list[Evaluation]) -> dict[str, Any]:
    rest = {"classes": ["a", "b"], "store": "s", "test_recordings": 4}
    results = [evaluation.summary | rest for evaluation in evaluations]
    metrics = fold_metrics(range(1, len(evaluations) + 1), results, evaluations)
    clips = [evaluation.clips for evaluation in evaluations]
    metrics["linear_baseline"] = beside(clips, clips)
    write_folds(folder, "x", results, metrics)
    return metrics


def test_the_standard_deviation_over_folds_is_that_of_the_folds(tmp_path: Path) -> None:
    """They are all that there are, and no sample: divided by their number."""
    metrics = written(tmp_path, [fold([[1, 1], [1, 1]]), fold([[2, 0], [0, 2]]), fold([[2, 0], [1, 1]])])
    assert metrics["mean"]["accuracy"] == pytest.approx(0.75)
    assert metrics["sd"]["accuracy"] == pytest.approx((2 * 0.25**2 / 3) ** 0.5)
    assert metrics["confusion"] == [[5, 1], [2, 4]]
    assert metrics["untested"] == []
    assert metrics["per_class"][0]["recall"] == pytest.approx(5 / 6)
    assert "0.750\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.204" in (tmp_path / "report.html").read_text()


def test_a_class_that_no_fold_tests_is_named(tmp_path: Path) -> None:
    metrics = written(tmp_path, [fold([[2, 0], [0, 0]]), fold([[2, 0], [0, 0]])])
    assert metrics["untested"] == ["b"]
    assert "no test clip of b, which the macro means leave out" in (tmp_path / "report.html").read_text()
