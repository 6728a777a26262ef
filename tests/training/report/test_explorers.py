"""Sliders show what their limits give: as the scores at that limit, computed anew."""

import json
import re
from typing import Any

import numpy as np
import pytest
from markupsafe import Markup
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from training.evaluation.detection import detect
from training.report.explorers import sureness_explorer, threshold_explorer


def data_of(markup: Markup) -> dict[str, Any]:
    content = re.search(r'<script type="application/json">(.*?)</script>', markup)
    assert content is not None
    data: dict[str, Any] = json.loads(content[1])
    return data


@pytest.mark.parametrize("ties", [False, True])
def test_a_threshold_gives_the_scores_of_that_threshold(ties: bool) -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(80) < 0.3
    found = np.clip(rng.normal(0.3 + 0.3 * truth, 0.2), 0, 1)
    if ties:
        found = found.round(1)
    data = data_of(threshold_explorer(detect(found, truth, 0.5), int(truth.sum()), int((~truth).sum())))
    for place in range(0, len(data["limits"]), 7):
        called = found >= np.linspace(0, 1, len(data["limits"]))[place]
        shown = {name: values[place] for name, values in data["columns"].items()}
        (passed, alarms), (missed, hits) = confusion_matrix(truth, called, labels=[False, True])
        counts = [shown[name] for name in ("detected", "missed", "false alarms", "rightly passed")]
        assert counts == [hits, missed, alarms, passed]
        assert shown["recall"] == pytest.approx(recall_score(truth, called), abs=1e-4)
        assert shown["F1"] == pytest.approx(f1_score(truth, called), abs=1e-4)
        assert shown["false-positive rate"] == pytest.approx(alarms / (alarms + passed), abs=1e-4)
        if called.any():
            assert shown["precision"] == pytest.approx(precision_score(truth, called), abs=1e-4)
        else:
            assert shown["precision"] is None


def test_a_confidence_gives_coverage_and_the_accuracy_of_answers() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.random(60).round(2)
    right = rng.random(60) < confidence
    markup = sureness_explorer(confidence, right, 0.25)
    assert 'value="0.250"' in markup
    data = data_of(markup)
    for place in range(0, len(data["limits"]), 11):
        answered = confidence > np.linspace(0, 1, len(data["limits"]))[place]
        shown = {name: values[place] for name, values in data["columns"].items()}
        assert shown["coverage"] == pytest.approx(answered.mean(), abs=1e-4)
        counts = [shown[name] for name in ("sure", "right", "wrong", "not sure")]
        assert counts == [answered.sum(), right[answered].sum(), (~right)[answered].sum(), (~answered).sum()]
        if answered.any():
            assert shown["accuracy of sure answers"] == pytest.approx(right[answered].mean(), abs=1e-4)
        else:
            assert shown["accuracy of sure answers"] is None
